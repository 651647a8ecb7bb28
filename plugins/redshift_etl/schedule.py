"""The data intervals of a DAG's own timetable, by logical date.

A run that was started by hand has an interval that does not come from its logical date: Airflow 3 takes it from
``run_after`` (``dags trigger``) or from the period before the logical date (REST API, trigger form, ``dags test``,
``tasks test``); https://github.com/apache/airflow/issues/54119 and 23689. So it is computed here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from redshift_etl.errors import ConfigError, FormError

Interval = tuple[datetime, datetime]
"""Start and end of a data interval, half-open."""


class Schedule:
    """The timetable of a DAG.

    ``periodic`` is False for a DAG without one (``schedule=None``, assets only): it has no data intervals.
    """

    def __init__(self, dag: Any) -> None:
        from airflow.serialization.encoders import coerce_to_core_timetable

        self.dag_id = dag.dag_id
        self._timetable = coerce_to_core_timetable(dag.timetable)
        self.periodic = bool(self._timetable.periodic)

    @property
    def has_intervals(self) -> bool:
        """Whether its runs have data intervals of some length."""
        start, end = self.inferred(datetime(2000, 1, 1, tzinfo=UTC))
        return start < end

    def interval_of(self, logical_date: datetime) -> Interval:
        """The interval of the scheduled run of that logical date, else the interval that contains it.

        Raises FormError when the timetable has neither, and ConfigError when it has no intervals.
        """
        from airflow.timetables.base import TimeRestriction

        moment = _pendulum(logical_date)
        restriction, last = TimeRestriction(earliest=moment, latest=None, catchup=True), None
        while info := self._timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction):
            last = info.data_interval
            if last.start >= moment:
                break
        if last and last.start == moment:
            return self._checked(last)
        before = self._timetable.infer_manual_data_interval(run_after=last.start if last else moment)
        if before.start <= moment < before.end:
            return self._checked(before)
        raise FormError(
            "The DAG's schedule has no data interval with that logical date.",
            fix="name the days in the conf, as `start` and `end`, or take the logical date of a scheduled run",
            dag=self.dag_id,
            logical_date=logical_date.isoformat(),
        )

    def last_complete(self, moment: datetime) -> Interval:
        """The last interval that was over at the moment. Raises ConfigError when the timetable has no intervals."""
        return self._checked(self._timetable.infer_manual_data_interval(run_after=_pendulum(moment)))

    def inferred(self, moment: datetime) -> Interval:
        """What Airflow takes for the interval of a run by hand, from its logical date or ``run_after``."""
        interval = self._timetable.infer_manual_data_interval(run_after=_pendulum(moment))
        return interval.start, interval.end

    def _checked(self, interval: Any) -> Interval:
        if interval.start < interval.end:
            return interval.start, interval.end
        raise no_intervals(self.dag_id)


def no_intervals(dag_id: str) -> ConfigError:
    """The error of a DAG whose schedule is a cron string: in Airflow 3 its runs have an interval of length zero."""
    return ConfigError(
        "The DAG's schedule has no data intervals, so its runs cover nothing.",
        fix="write schedule=CronDataIntervalTimetable('0 0 * * *', timezone='UTC') in the place of the cron string",
        dag=dag_id,
    )


def _pendulum(moment: datetime) -> Any:
    from airflow.sdk import timezone

    return timezone.coerce_datetime(moment)
