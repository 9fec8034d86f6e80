"""Families of series with their values, as a collector hands them out."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["Collector", "Metric", "counted", "gauge", "info", "labelled", "labelled_by", "moment"]


def gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def counted(name: str, text: str, value: float) -> Metric:
    """A counter that is counted elsewhere."""
    return CounterMetricFamily(name, text, value=value)


def labelled(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def labelled_by(name: str, text: str, labels: tuple[str, str], values: Mapping[tuple[str, str], float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def info(name: str, text: str, labels: Mapping[str, str]) -> Metric:
    family = InfoMetricFamily(name, text)
    family.add_metric([], dict(labels))
    return family


def moment(name: str, text: str, at: datetime | None) -> Iterator[Metric]:
    """``<name>_timestamp_seconds``; nothing while it never happened."""
    if at is not None:
        yield gauge(f"{name}_timestamp_seconds", text, at.timestamp())
