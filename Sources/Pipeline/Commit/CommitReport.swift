import Base
import Decode
import Detectors
import Ledger
import Metrics
import Telemetry

/// What a commit leaves to tell: the entry, and what its cuts held that the entry does not say.
///
/// Made in two steps, since outputs go back to the pool the moment the entry is in the chain: what
/// is counted by row before the put, how long records took after it.
struct CommitReport: Sendable {
  var entry: LedgerEntry
  /// Steps in the lives of anomalies, in the order of partitions, up to `anomalyCountMax`.
  private(set) var anomalies: [PipelineStatus.AnomalyNote] = []
  /// Steps beyond those.
  private(set) var furtherAnomalyCount = 0
  private(set) var labelledTotals: [PipelineStatus.LabelledTotal] = []
  /// From a record's Kafka timestamp to its entry.
  private(set) var endToEndSeconds = PipelineStatus.endToEndHistogram

  /// A commit that brings more is in trouble that no log line a row could explain.
  static let anomalyCountMax = 1000

  init(entry: LedgerEntry, cuts: [PartitionCut], sources: [SourceOptions]) {
    self.entry = entry
    var reasons: [String: Int64] = [:]
    var steps: [StepKey: Int64] = [:]
    var duplicates: [String: Int64] = [:]
    var forgotten: [String: Int64] = [:]
    for cut in cuts {
      let source = sources[cut.sourceIndex].plan.schema.source
      if sources[cut.sourceIndex].duplicates != nil {
        let count = cut.output.readings.outcomeCounts()[.duplicate]
        duplicates[source, default: 0] += count
        forgotten[source, default: 0] += cut.forgottenEarlyCount
      }
      for letter in cut.output.deadLetters { reasons[letter.reason, default: 0] += 1 }
      for event in cut.output.anomalies {
        let key = StepKey(
          source: source, detector: event.detector, severity: event.severity.text,
          state: event.state.rawValue)
        steps[key, default: 0] += 1
        if anomalies.count < Self.anomalyCountMax {
          anomalies.append(.init(event, source: source, vocabulary: cut.vocabulary))
        } else {
          furtherAnomalyCount += 1
        }
      }
    }
    labelledTotals =
      reasons.map { .init(name: "dead_letters", labels: [.init("reason", $0)], value: $1) }
      + steps.map { .init(name: "anomalies", labels: $0.labels, value: $1) }
      + duplicates.map {
        .init(name: "records_duplicate", labels: [.init("source", $0)], value: $1)
      }
      + forgotten.map {
        .init(name: "duplicates_forgotten_early", labels: [.init("source", $0)], value: $1)
      }
  }

  private struct StepKey: Hashable {
    var source: String
    var detector: String
    var severity: String
    var state: String

    var labels: [PipelineStatus.LabelledTotal.Label] {
      [
        .init("source", source), .init("detector", detector), .init("severity", severity),
        .init("state", state),
      ]
    }
  }

  /// Observes how old every record of the cuts is now; those without a Kafka timestamp are none.
  mutating func observeLatency(_ cuts: [PartitionCut], nowMicros: Int64) {
    for cut in cuts {
      for timestamp in cut.output.readings.recordTimestamps
      where timestamp != ReadingBatch.absentTimestamp {
        endToEndSeconds.observe(Double(max(0, nowMicros &- timestamp)) / 1e6)
      }
    }
  }
}

extension PipelineStatus.AnomalyNote {
  fileprivate init(_ event: AnomalyEvent, source: String, vocabulary: borrowing Vocabulary) {
    self.init(
      id: event.id, source: source,
      device: event.device == WordTable.none ? "" : vocabulary.devices.text(of: event.device),
      metric: event.metric, detector: event.detector, severity: event.severity.text,
      state: event.state.rawValue, eventTimeMicros: event.eventTime, value: event.value,
      expected: event.expected, evidence: event.evidence)
  }
}
