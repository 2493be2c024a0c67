"""/api/v1/follows: what a reader follows, and its papers, with a key."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Self

from fastapi import Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from paperround.follows import reader_follows
from paperround.follows.followed_papers import list_followed_papers
from paperround.follows.reader_follows import MAX_FOLLOWS, MAX_NAME_LENGTH
from paperround.follows.tables import Follow, FollowKind
from paperround.papers import editions
from paperround.papers.rows import PaperRow
from paperround.web.api.match import resolve_days
from paperround.web.api.schemas import PaperOut, RequestBody
from paperround.web.dependencies import Config, KeyReader, KeyWriter, NotFound, Now, Read, Write
from paperround.web.params import Limit
from paperround.web.router import Router
from paperround.web.views.follow_state import follow_address

router = Router(prefix="/api/v1/follows", tags=["follows"])


class FollowIn(RequestBody):
    model_config = ConfigDict(extra="forbid")

    kind: Annotated[FollowKind, Field(strict=False, examples=["author"])]
    name: Annotated[
        str,
        StringConstraints(max_length=MAX_NAME_LENGTH),
        Field(
            description="As papers have it; an organization's on the hub. Authors are told apart by name "
            "only.",
            examples=["Ada Lindqvist"],
        ),
    ]


class FollowOut(BaseModel):
    id: int
    kind: FollowKind
    name: str
    followed_at: datetime
    url: str = Field(description="The page of what is followed.")

    @classmethod
    def of(cls, follow: Follow, base: str) -> Self:
        return cls(
            id=follow.id,
            kind=follow.kind,
            name=follow.name,
            followed_at=follow.followed_at,
            url=f"{base}{follow_address(follow)}",
        )


class FollowList(BaseModel):
    follows: list[FollowOut] = Field(description=f"By kind and name; at most {MAX_FOLLOWS}.")


class FollowedPaperOut(BaseModel):
    paper: PaperOut
    follows: list[int] = Field(description="The numbers of the follows that speak for it.")

    @classmethod
    def of(cls, paper: PaperRow, follows: list[int], base: str) -> Self:
        return cls(paper=PaperOut.of(paper, base), follows=follows)


class FollowedPaperList(BaseModel):
    papers: list[FollowedPaperOut] = Field(description="Those of followed authors first, then most voted.")
    first: date | None = Field(description="The first day that was looked at; null without any papers.")
    last: date | None
    next: None = None


@router.get("", summary="What you follow")
async def list_follows(session: Read, reader: KeyReader, settings: Config) -> FollowList:
    follows = await reader_follows.list_follows(session, reader.id)
    return FollowList(follows=[FollowOut.of(follow, settings.address) for follow in follows])


@router.post("", status_code=201, summary="Follow an author, organization, venue or keyword")
async def add_follow(
    session: Write, reader: KeyWriter, settings: Config, now: Now, body: FollowIn, response: Response
) -> FollowOut:
    """Follow by name. What is followed already is returned as it is."""
    follow = await reader_follows.add_follow(session, reader.id, body.kind, body.name, now=now)
    response.headers["Location"] = f"/api/v1/follows/{follow.id}"
    return FollowOut.of(follow, settings.address)


@router.get("/papers", summary="The papers of what you follow")
async def list_papers(
    session: Read,
    reader: KeyReader,
    settings: Config,
    from_: Annotated[
        date | None,
        Query(alias="from", description="Default: six days before `to`.", examples=["2025-10-27"]),
    ] = None,
    to: Annotated[
        date | None, Query(description="Default: the latest day with papers.", examples=["2025-11-02"])
    ] = None,
    limit: Limit = 50,
) -> FollowedPaperList:
    """List the papers of some days that what you follow speaks for. At most 31 days at once."""
    span = await resolve_days(session, from_, to)
    if span is None:
        return FollowedPaperList(papers=[], first=None, last=None)
    follows = await reader_follows.list_follows(session, reader.id)
    found = await list_followed_papers(session, follows, *span, limit=limit)
    papers = await editions.load_papers(session, [one.paper_id for one in found])
    return FollowedPaperList(
        papers=[
            FollowedPaperOut.of(papers[one.paper_id], [follow.id for follow in one.follows], settings.address)
            for one in found
            if one.paper_id in papers
        ],
        first=span[0],
        last=span[1],
    )


@router.delete("/{follow_id}", status_code=204, summary="Unfollow")
async def remove_follow(
    session: Write,
    reader: KeyWriter,
    follow_id: Annotated[int, Path(ge=1, lt=2**31, description="A follow's number.", examples=[12])],
) -> None:
    if not await reader_follows.remove_follow_by_id(session, reader.id, follow_id):
        raise NotFound("You follow nothing by this number.")
