import Base
import Detectors
import Ledger
import Telemetry
import Windows

/// What a partition will say in the next entry besides rows, outcomes and state.
struct SinceCut {
  var notDelivered: Int64 = 0
  var gaps: [OffsetGap] = []
  var decisions: [Decision] = []
  /// Detectors were changed: an older snapshot would replay with the old ones.
  var hasNewDetectors = false
  /// The same of limits and of what makes a duplicate.
  var hasNewAdmission = false
  /// Metrics came or went: a replay from an older snapshot would take them up elsewhere.
  var hasOtherMetrics = false
  /// The same of attributes.
  var hasOtherAttributes = false
  /// Offsets that were refused because nobody knew their schema.
  var unknownSchemas = OffsetRuns()
}

/// Cuts: what a partition hands over for an entry, and which entries bring its state.
extension LanePartition {
  /// Runs of refused offsets that an entry lists at most, and after which a state is due: a chain
  /// holds those of two states.
  static let refusalRunCountMax = 1000

  /// Whether the next cut should bring a state snapshot.
  ///
  /// - Parameter wanted: at an orderly stop any state newer than the last snapshot is worth it.
  func isStateDue(_ options: CommitOptions, wanted: Bool, nowNanos: Int64) -> Bool {
    let mustHave = stateNeed != nil
    if isReplaying || stateCut == expected && !mustHave { return false }
    return wanted || mustHave
      || refusalRunCount + sinceCut.unknownSchemas.runs.count >= Self.refusalRunCountMax
      || inputByteCountSinceState >= options.stateInputByteCount
      || nowNanos - stateTakenAtNanos >= Int64(options.stateIntervalMillis) * 1_000_000
  }

  private func takeCounts() -> (EventTimeCounts, DetectorCounts) {
    defer {
      windows.counts = EventTimeCounts()
      detectors.counts = DetectorCounts()
    }
    return (windows.counts, detectors.counts)
  }

  /// Why the next entry must bring the state, or nil. A partition whose position is lost is no
  /// exception: its state stands at `expected` like any other.
  var stateNeed: StateNeed? {
    if isReplaying { return nil }
    if sinceCut.decisions.contains(where: { $0.kind == .fireOpenWindows }) {
      return StateNeed(reason: "its open windows were fired by decision")
    }
    if sinceCut.hasNewDetectors { return StateNeed(reason: "its detectors were changed") }
    if sinceCut.hasOtherMetrics { return StateNeed(reason: "its source has other metrics") }
    if sinceCut.hasOtherAttributes { return StateNeed(reason: "its source has other attributes") }
    if sinceCut.hasNewAdmission {
      return StateNeed(reason: "its limits or its rule for duplicates were changed")
    }
    if sinceCut.unknownSchemas.runs.count > Self.refusalRunCountMax {
      return StateNeed(
        reason: "too many stretches of it were refused for schemas that nobody knew")
    }
    if !sinceCut.decisions.isEmpty {
      // A replay can repeat it: so that the chain remembers few, and programs that cannot are safe.
      return StateNeed(reason: "it was found idle", forbidsOlder: false)
    }
    if hasState || expected == cutFrom { return nil }
    return StateNeed(
      reason: "its first says what records are judged by", forbidsOlder: false)
  }

  /// What the next entry says of refused offsets. Of too many it says nothing: no replay will begin
  /// before them.
  private var listedRefusals: OffsetRuns {
    let refused = sinceCut.unknownSchemas
    return refused.runs.count > Self.refusalRunCountMax ? OffsetRuns() : refused
  }

  /// Hands over everything since the last cut, or nil when nothing happened.
  func cut(replacement: PartitionOutput, state: StateFile?) -> PartitionCut? {
    let hasMoved = expected > cutFrom && !isReplaying
    stateByteCountAtCut = stateByteCount
    guard hasMoved || state != nil || !sinceCut.gaps.isEmpty || stateNeed != nil else {
      return nil
    }
    let to = max(expected, cutFrom)
    let skipped = sinceCut.gaps.reduce(0) { $0 + max(0, $1.to - max($1.from, cutFrom)) }
    let consumed = output.readings.outcomeCounts().consumed
    precondition(
      consumed + sinceCut.notDelivered + skipped == to - cutFrom,
      "every offset has one outcome: \(key) has \(consumed) outcomes, \(sinceCut.notDelivered) not "
        + "delivered and \(skipped) skipped for offsets \(cutFrom) to \(to)")
    let (counts, detectorCounts) = takeCounts()
    let result = PartitionCut(
      key: key, sourceIndex: sourceIndex, from: cutFrom, to: to,
      notDelivered: sinceCut.notDelivered, gaps: sinceCut.gaps, witness: witness,
      clockMicros: windows.partitionClockMicros, state: state, decisions: sinceCut.decisions,
      unknownSchemas: listedRefusals, stateNeed: stateNeed, counts: counts,
      detectorCounts: detectorCounts, forgottenEarlyCount: admission.takeCounts(),
      vocabulary: vocabulary, output: output)
    output = replacement
    appliedRecordCount = 0
    cutFrom = to
    refusalRunCount += sinceCut.unknownSchemas.runs.count
    sinceCut = SinceCut()
    if let state {
      hasState = true
      refusalRunCount = 0
      stateCut = state.reference.cut
      inputByteCountSinceState = 0
      stateTakenAtNanos = MonotonicClock.nowNanos()
    }
    return result
  }
}
