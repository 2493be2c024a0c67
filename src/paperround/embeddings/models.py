"""Registers, activates and drops embedding models. Exactly one is current."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from paperround.database import Database, ReadSession
from paperround.embeddings import index
from paperround.embeddings.client import EncoderError, ModelInfo
from paperround.embeddings.prefixes import TextPrefixes, find_prefixes
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.errors import PaperroundError

logger = structlog.get_logger(__name__)

DROP_BATCH_SIZE: Final = 5000  # vectors deleted in one transaction


class ModelNotDroppable(PaperroundError):
    """The model is the current one, or there is none of that name; the text says which."""

    title = "The model can't be dropped"
    status = 409


async def register(database: Database, info: ModelInfo, *, now: datetime) -> int:
    """Store the model if it is new and return its id. The first model ever becomes the current one.

    A new one gets the prefixes that it is known to want.
    """
    prefixes = find_prefixes(info.name)
    async with database.write_session() as session:
        new = insert(EmbeddingModel).values(
            name=info.name,
            dimensions=info.dimensions,
            state=ModelState.filling,
            created_at=now,
            query_prefix=prefixes.query,
            paper_prefix=prefixes.paper,
        )
        await session.execute(new.on_conflict_do_nothing())
        result = await session.scalars(
            select(EmbeddingModel).where(EmbeddingModel.name == info.name).with_for_update()
        )
        model = result.one()
        if model.dimensions != info.dimensions:
            raise EncoderError(
                f"{info.name} gave vectors of {model.dimensions} numbers before and {info.dimensions} now: "
                "another model under the same name. Give it a name of its own."
            )
        if not await session.scalar(select(func.count()).where(EmbeddingModel.state == ModelState.current)):
            model.state = ModelState.current
        return model.id


async def find_state(session: ReadSession, name: str) -> ModelState | None:
    return await session.scalar(select(EmbeddingModel.state).where(EmbeddingModel.name == name))


async def load_prefixes(session: ReadSession, name: str) -> TextPrefixes:
    """Load what goes before texts under the model of this name."""
    query = select(EmbeddingModel.query_prefix, EmbeddingModel.paper_prefix)
    row = (await session.execute(query.where(EmbeddingModel.name == name))).one_or_none()
    return TextPrefixes(*row) if row else find_prefixes(name)


async def set_query_prefix(database: Database, name: str, prefix: str) -> None:
    """Set what goes before questions and topics' words under a model that is registered."""
    async with database.write_session() as session:
        model = update(EmbeddingModel).where(EmbeddingModel.name == name)
        await session.execute(model.values(query_prefix=prefix))


async def activate(database: Database, model_id: int) -> None:
    """Replace the current model in one step, so that no list mixes two models' vectors.

    Nothing changes if the model is the current one already.
    """
    async with database.write_session() as session:
        all_models = select(EmbeddingModel).order_by(EmbeddingModel.id).with_for_update(key_share=True)
        models = {model.id: model for model in await session.scalars(all_models)}
        if models[model_id].state is ModelState.current:
            return
        current = EmbeddingModel.state == ModelState.current
        await session.execute(update(EmbeddingModel).where(current).values(state=ModelState.retired))
        models[model_id].state = ModelState.current
        logger.info("switched the embedding model", model=models[model_id].name)


async def drop(database: Database, name: str) -> int:
    """Remove a model with its index and its vectors. Returns the number of vectors.

    It works in batches: after an interruption, the next call continues. Raises `ModelNotDroppable`.
    """
    async with database.read_session() as session:
        result = await session.scalars(select(EmbeddingModel).where(EmbeddingModel.name == name))
        model = result.one_or_none()
    if model is None:
        raise ModelNotDroppable(f"There are no vectors for the model {name!r}.")
    if model.state is ModelState.current:
        raise ModelNotDroppable(f"{name} is the current model: activate another one first.")
    await index.drop(database, model.id)
    dropped = 0
    while count := await _drop_batch(database, model.id):
        dropped += count
    return dropped


async def _drop_batch(database: Database, model_id: int) -> int:
    """Delete one batch, and the model with the last one. The row is locked, so that nobody activates it."""
    async with database.write_session() as session:
        locked = select(EmbeddingModel).where(EmbeddingModel.id == model_id).with_for_update()
        model = (await session.scalars(locked)).one_or_none()
        if model is None:
            return 0
        if model.state is ModelState.current:
            raise ModelNotDroppable(f"{model.name} has just become the current model.")
        batch = select(Embedding.paper_id).where(Embedding.model_id == model_id).limit(DROP_BATCH_SIZE)
        deleted = await session.scalars(
            delete(Embedding)
            .where(Embedding.model_id == model_id, Embedding.paper_id.in_(batch))
            .returning(Embedding.paper_id)
        )
        count = len(deleted.all())
        if count < DROP_BATCH_SIZE:
            await session.delete(model)
        return count
