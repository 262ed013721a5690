"""What a report is held against: the committed figures of its contract and board."""

from __future__ import annotations

from fpga_gnn.report.baseline import baseline_file, compared, find_drift, load_baseline
from fpga_gnn.report.summary import FlowReport, Step
from fpga_gnn.resources import resource_dir


def against_baseline(report: FlowReport) -> FlowReport:
    """Return ``report`` with its drift from the committed baseline, if a tool ran."""
    if not report.tools:
        return report
    path = baseline_file(report, resource_dir("vivado_scripts") / "baselines")
    baseline = load_baseline(path)
    if baseline is None:
        step = Step(name="baseline", done=False, detail=f"no {path}; fpga-gnn bless makes it")
        return report.model_copy(update={"steps": [*report.steps, step]})
    step = Step(name="baseline", done=True, detail=compared(baseline, report.hardware))
    drift = find_drift(baseline, report.hardware)
    return report.model_copy(update={"steps": [*report.steps, step], "drift": drift})
