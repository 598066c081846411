import Base
import Detectors
import Telemetry

/// What is open in a partition, in words, for the status.
///
/// It is asked for after every batch and made anew after a step in the life of an anomaly, but at
/// most once a second: a look at all devices takes milliseconds where there are a million. While
/// anything is open it is made anew every ten seconds, since what is known of it changes without
/// steps. So a lane without anomalies pays two comparisons a batch, and one in which they come and
/// go less than a hundredth of its time.
struct OpenAnomalyList {
  private static let stepSpanNanos: Int64 = 1_000_000_000
  private static let restSpanNanos: Int64 = 10_000_000_000

  private var anomalies: [PipelineStatus.OpenAnomaly] = []
  /// Of the detectors when the list was made; nil before the first.
  private var stepCount: UInt64?
  private var madeAtNanos: Int64 = 0

  /// The list, as of ten seconds ago at most, and without steps of the last second.
  ///
  /// - Parameter nowNanos: monotonic; not looked at while nothing is open.
  mutating func anomalies(
    in detectors: borrowing PartitionDetectors, of source: String, vocabulary: Vocabulary,
    nowNanos: @autoclosure () -> Int64 = MonotonicClock.nowNanos()
  ) -> [PipelineStatus.OpenAnomaly] {
    let isUnmoved = stepCount == detectors.stepCount
    if isUnmoved, anomalies.isEmpty { return [] }
    let now = nowNanos()
    let span = isUnmoved ? Self.restSpanNanos : Self.stepSpanNanos
    if stepCount != nil, now - madeAtNanos < span { return anomalies }
    stepCount = detectors.stepCount
    madeAtNanos = now
    let countMax = PipelineStatus.OpenAnomaly.countMax
    anomalies = detectors.openAnomalies(countMax: countMax, vocabulary: vocabulary).map {
      PipelineStatus.OpenAnomaly(
        id: $0.id, source: source, device: $0.device, metric: $0.metric, detector: $0.detector,
        rule: $0.rule, severity: $0.severity.text, openedAtMicros: $0.openedAt, value: $0.value,
        expected: $0.expected, evidence: $0.evidence)
    }
    return anomalies
  }
}
