import Detectors
import Ledger
import Telemetry
import Windows

/// The counters that an entry carries: the accounting of its records and rows, for people,
/// `verify` and metrics.
struct CommitCounters {
  private(set) var counters: [Counter] = []

  init(_ cuts: [PartitionCut], files: [WrittenFile]) {
    var outcomes = OutcomeCounts()
    var counts = EventTimeCounts()
    var steps: [AnomalyEvent.State: Int64] = [:]
    var detectorCounts = DetectorCounts()
    var deadRowCount: Int64 = 0
    var idleCount: Int64 = 0
    for cut in cuts {
      idleCount += Int64(cut.decisions.count { $0.kind == .partitionIdle })
      outcomes += cut.output.readings.outcomeCounts()
      counts += cut.counts
      for event in cut.output.anomalies { steps[event.state, default: 0] += 1 }
      detectorCounts += cut.detectorCounts
      deadRowCount += Int64(cut.output.deadLetters.count)
    }
    add("records_read", outcomes[.read])
    add("records_empty", outcomes[.empty])
    add("records_dead", outcomes[.dead])
    add("records_duplicate", outcomes[.duplicate])
    add("records_filtered", outcomes[.filtered])
    add("duplicates_forgotten_early", cuts.reduce(0) { $0 + $1.forgottenEarlyCount })
    add("records_not_delivered", cuts.reduce(0) { $0 + $1.notDelivered })
    add("readings", cuts.reduce(0) { $0 + Int64($1.output.readings.rowCount) })
    add("readings_late", counts.late)
    add("readings_too_late", counts.tooLate)
    add("readings_future", counts.future)
    add("readings_before_plausible", counts.beforePlausible)
    add("readings_non_finite", counts.nonFinite)
    add("dead_letters", deadRowCount)
    add("firings", counts.fired)
    add("firings_again", counts.firedAgain)
    add("anomalies_opened", steps[.opened] ?? 0)
    add("anomalies_escalated", steps[.escalated] ?? 0)
    add("anomalies_closed", steps[.closed] ?? 0)
    add("anomalies_refused", detectorCounts.refused)
    add("readings_late_for_detectors", detectorCounts.lateForBuckets)
    add("devices_idle", counts.idleDevices)
    add("partitions_idle", idleCount)
    add("files", Int64(files.count))
    add("file_bytes", files.reduce(0) { $0 + $1.byteCount })
  }

  private mutating func add(_ name: String, _ value: Int64) {
    counters.append(Counter(name: name, value: value))
  }
}
