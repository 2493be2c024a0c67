"""The models: registering one, making it the current one, dropping it. Exactly one is current."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from paperround.database import Database, ReadSession
from paperround.embeddings import index
from paperround.embeddings.client import EncoderError, ModelInfo
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState

logger = structlog.get_logger(__name__)

DROPPED: Final = 5000  # vectors deleted in one transaction


class ModelNotDroppable(RuntimeError):
    """It is the current one, or there is none of that name; the text says which."""


async def register(database: Database, info: ModelInfo, *, now: datetime) -> int:
    """The model's id, its row made when it is new. The first model ever is the current one from the start."""
    async with database.writing() as session:
        new = insert(EmbeddingModel).values(
            name=info.name, dimensions=info.dimensions, state=ModelState.filling, created_at=now
        )
        await session.execute(new.on_conflict_do_nothing())
        found = await session.scalars(
            select(EmbeddingModel).where(EmbeddingModel.name == info.name).with_for_update()
        )
        model = found.one()
        if model.dimensions != info.dimensions:
            raise EncoderError(
                f"{info.name} gave vectors of {model.dimensions} numbers before and {info.dimensions} now: "
                "another model under the same name. Give it a name of its own."
            )
        if not await session.scalar(select(func.count()).where(EmbeddingModel.state == ModelState.current)):
            model.state = ModelState.current
        return model.id


async def state_of(session: ReadSession, name: str) -> ModelState | None:
    return await session.scalar(select(EmbeddingModel.state).where(EmbeddingModel.name == name))


async def activate(database: Database, model_id: int) -> None:
    """Replace the current model in one step, so that no list mixes two models' vectors. Nothing if it is."""
    async with database.writing() as session:
        every = select(EmbeddingModel).order_by(EmbeddingModel.id).with_for_update(key_share=True)
        models = {model.id: model for model in await session.scalars(every)}
        if models[model_id].state is ModelState.current:
            return
        current = EmbeddingModel.state == ModelState.current
        await session.execute(update(EmbeddingModel).where(current).values(state=ModelState.retired))
        models[model_id].state = ModelState.current
        logger.info("switched the embedding model", model=models[model_id].name)


async def drop(database: Database, name: str) -> int:
    """Remove a model with its index and its vectors; how many there were. Raises `ModelNotDroppable`.

    In steps: when it is interrupted, the next call goes on.
    """
    async with database.reading() as session:
        found = await session.scalars(select(EmbeddingModel).where(EmbeddingModel.name == name))
        model = found.one_or_none()
    if model is None:
        raise ModelNotDroppable(f"There are no vectors of a model {name!r}.")
    if model.state is ModelState.current:
        raise ModelNotDroppable(f"{name} is the current model: activate another one first.")
    await index.drop(database, model.id)
    dropped = 0
    while done := await _drop_some(database, model.id):
        dropped += done
    return dropped


async def _drop_some(database: Database, model_id: int) -> int:
    """With the last vectors goes the model. The row is held, so that nobody activates it meanwhile."""
    async with database.writing() as session:
        kept = select(EmbeddingModel).where(EmbeddingModel.id == model_id).with_for_update()
        model = (await session.scalars(kept)).one_or_none()
        if model is None:
            return 0
        if model.state is ModelState.current:
            raise ModelNotDroppable(f"{model.name} has just become the current model.")
        some = select(Embedding.paper_id).where(Embedding.model_id == model_id).limit(DROPPED)
        gone = await session.scalars(
            delete(Embedding)
            .where(Embedding.model_id == model_id, Embedding.paper_id.in_(some))
            .returning(Embedding.paper_id)
        )
        count = len(gone.all())
        if count < DROPPED:
            await session.delete(model)
        return count
