"""How the database would find what a test's code asks it for."""

from collections.abc import Awaitable, Callable
from copy import copy
from typing import Any

from pymongo import AsyncMongoClient

from common.mongo import Document, Mongo
from tests.support.asked import Asked


async def plans_of(mongo: Mongo, ask: Callable[[Mongo], Awaitable[Any]]) -> list[str]:
    """The stages with which the database would serve each query that `ask` makes."""
    asked, listening = Asked(), copy(mongo)
    host, port = await mongo.client.address or ("", 0)
    url = f"mongodb://{host}:{port}/?directConnection=true"
    listening.client = AsyncMongoClient(url, tz_aware=True, event_listeners=[asked])
    listening.database = listening.client[mongo.database.name]
    try:
        await ask(listening)
    finally:
        await listening.close()
    explained = [await mongo.database.command("explain", query) for query in asked.queries]
    return [" < ".join(_stages(_planner(one)["winningPlan"])) for one in explained]


def _planner(explained: Document) -> Document:
    """Of a query, or of the first stage of an aggregation."""
    return (explained if "queryPlanner" in explained else explained["stages"][0]["$cursor"])["queryPlanner"]


def _stages(plan: Document) -> list[str]:
    plan = plan.get("queryPlan", plan)
    below = [plan["inputStage"]] if "inputStage" in plan else plan.get("inputStages", [])
    return [plan["stage"], *(stage for one in below for stage in _stages(one))]
