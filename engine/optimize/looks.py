"""How often the hold-out of a study was asked: it is new data once.

A study that grows proposes other parameters run by run, and each of them is tried on the same
hold-out. Whoever asks often enough is lucky once, so every question is written into the study.
"""

from __future__ import annotations

import hashlib
import json

from optuna.storages import RDBStorage
from sqlalchemy.exc import SQLAlchemyError

from engine.optimize.study import unusable
from engine.params import StrategyParams

_LOOK = "gridtui.look."


def look(url: str, study: str, params: StrategyParams, permutations: int, seed: int) -> int:
    """Write down that the study's hold-out is read for `params`; how many looks that makes.

    The same question (parameters, number of permutations and their seed) has the same answer, and
    is no new look. Each has a record of its own, so that none is lost if two are written at once.

    Raises:
        ParameterError: the database cannot be used.
        KeyError: there is no such study.
    """
    question = json.dumps([params.model_dump(), permutations, seed], sort_keys=True)
    name = _LOOK + hashlib.sha256(question.encode()).hexdigest()[:16]
    try:
        storage = RDBStorage(url, engine_kwargs={"pool_pre_ping": True})
    except SQLAlchemyError as error:
        raise unusable(url, error) from None
    try:
        number = storage.get_study_id_from_name(study)
        storage.set_study_user_attr(number, name, {"permutations": permutations, "seed": seed})
        return sum(each.startswith(_LOOK) for each in storage.get_study_user_attrs(number))
    except SQLAlchemyError as error:
        raise unusable(url, error) from None
    finally:
        storage.remove_session()
        storage.engine.dispose()
