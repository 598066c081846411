import Base
import DeltaLog
import Kafka
import Ledger
import Pipeline
import Storage
import Telemetry

/// A stretch of offsets that the pipeline says it has lost: a row of its table `gaps`.
struct RecordedGap {
  let partition: TopicPartition
  let from: Int64
  let to: Int64
  let reason: String

  /// Whether the record at the offset is in no table because of this gap.
  func loses(_ offset: Int64, of other: TopicPartition) -> Bool {
    reason != "state" && partition == other && offset >= from && offset < to
  }
}

/// The questions after a simulation: does the root hold what the topics say, all of it, once?
struct FinalCheck {
  let plan: ScenarioPlan
  let fleet: Fleet
  let disk: ObservedDisk
  let observer: ChainObserver
  let list: ViolationList
  let tally: FaultTally
  let hasReloaded: Bool
  /// Whether everything that can be read under the mended mapping has been brought back.
  let hasReplayedAll: Bool
  /// Where the chain stood when the topics were replaced, for partitions that a record was
  /// committed of; empty if they were not.
  let endsAtReplacement: [PartitionKey: Int64]

  // MARK: - The end

  /// Whether the last process ended as it may after what has happened; if not, says so.
  func accepts(_ result: InstanceResult) -> Bool {
    let objection: String?
    switch result {
    case .stopped(isComplete: true): objection = nil
    case .stopped(isComplete: false): objection = "the last process stopped before the end"
    case .failed(let reason), .refused(let reason):
      objection = mayStopForGood(reason) ? nil : "the last process ended with: \(reason)"
    }
    list.check(.nothingStopsForGood, objection)
    return objection == nil
  }

  /// What only a person can mend, and this simulation has brought about.
  private func mayStopForGood(_ reason: String) -> Bool {
    if fleet.isReplaced { return true }
    // A snapshot behind a change of detectors has no stand-in.
    if tally.taken[.stateDamaged] != nil, reason.contains("what an older one would do again") {
      return true
    }
    // Retention may also take what only the state still needed.
    return plan.onPositionLost == .stop && (plan.weights[.deleteRecords] ?? 0) > 0
      && reason.contains("deleted")
  }

  // MARK: - Rows

  func check(
    _ result: InstanceResult,
    reference: ([RecordedGap]) -> (disk: ObservedDisk, result: InstanceResult)
  ) {
    checkFiles()
    checkSnapshots()
    let tables = TableLogReader.tables(on: disk)
    var rows: [String: [TableRow]] = [:]
    for table in tables { rows[table] = TableRows(disk: disk, table: table).read(list) }
    let gaps = (rows["gaps"] ?? []).compactMap(\.gap)
    checkOffsets(rows, gaps: gaps)
    LetterCheck(fleet: fleet, list: list, hasReplayedAll: hasReplayedAll).check(rows)
    guard case .stopped = result, !fleet.isReplaced else { return }
    let other = reference(gaps)
    guard case .stopped(isComplete: true) = other.result else {
      list.check(.rowsFollowFromTopics, "the undisturbed run ended with \(other.result)")
      return
    }
    for table in tables where table != "gaps" {
      let expected = TableRows(disk: other.disk, table: table).read(list)
      compare(table, rows[table] ?? [], expected, gaps: gaps)
    }
  }

  /// Every file that a table's log names is there.
  private func checkFiles() {
    for table in TableLogReader.tables(on: disk) {
      for file in TableLogReader(disk: disk, table: table).files() {
        let path = "tables/\(table)/\(file.path)"
        list.check(
          .everyFileIsThere,
          disk.contents(path) == nil ? "\(path) is named by the log and absent" : nil)
      }
    }
  }

  /// Whoever reads the logs as they lie there, from their log checkpoints on, finds the tables that
  /// all commits ever made.
  private func checkSnapshots() {
    for table in TableLogReader.tables(on: disk) {
      list.check(.maintenanceKeepsRows, snapshotObjection(table))
    }
  }

  private func snapshotObjection(_ table: String) -> String? {
    let due = disk.archive.states[table] ?? TableState()
    do {
      let storage = try POSIXStorage(
        root: ObservedDisk.root, access: .readOnly, fileSystem: disk.mount(process: 0))
      var snapshot = TableSnapshot(storage: storage, folder: "tables/\(table)", engine: "check")
      try snapshot.follow()
      let files = Dictionary(
        uniqueKeysWithValues: snapshot.files.map { ($0.encodedPath, $0.byteCount) })
      let isSame =
        snapshot.version == due.version
        && files == due.live.compactMapValues { $0["size"]?.int64Value }
        && snapshot.transactions.mapValues(\.version) == due.transactions
      return isSame
        ? nil
        : "\(table) reads as version \(snapshot.version) with \(files.count) files from log "
          + "checkpoint \(snapshot.checkpointVersion); its commits made version \(due.version) "
          + "with \(due.live.count)"
    } catch {
      return "\(table) cannot be read from its log checkpoint: \(error)"
    }
  }

  /// Every offset below the chain's end is in exactly one place, and nothing else is anywhere; what
  /// replays brought back is beside it, and `LetterCheck`'s.
  private func checkOffsets(_ rows: [String: [TableRow]], gaps: [RecordedGap]) {
    var found: [TopicPartition: [Int64: Int]] = [:]
    for (table, rows) in rows.sorted(by: { $0.key < $1.key }) {
      guard table.hasPrefix("readings_") || table == "dead_letters" else { continue }
      for row in rows where !row.isReplayed {
        guard let place = row.place else { continue }
        found[place.partition, default: [:]][place.offset, default: 0] += 1
      }
    }
    for partition in fleet.partitions {
      let key = PartitionKey(
        topic: partition.topic, incarnation: 0, partition: partition.partition)
      let end = observer.ends[key] ?? 0
      // Before the first record was committed nothing can tell one topic from another.
      if fleet.isReplaced && (endsAtReplacement[key] ?? 0) == 0 { continue }
      list.check(
        .oneOutcomePerOffset,
        objection(partition, end: end, found: found[partition] ?? [:], gaps: gaps))
    }
  }

  private func objection(
    _ partition: TopicPartition, end: Int64, found: [Int64: Int], gaps: [RecordedGap]
  ) -> String? {
    let contents = fleet.contents[partition] ?? []
    if end > contents.count {
      return "\(partition): \(end) offsets are accounted for, \(contents.count) were sent"
    }
    var copies = ExpectedCopies()
    let hasStateGap = gaps.contains { $0.partition == partition && $0.reason == "state" }
    for offset in 0..<end {
      var expected = 0
      var mayBeForgotten = false
      // What is lost is not remembered: its copy is the first.
      if case .record(let record) = contents[Int(offset)],
        !gaps.contains(where: { $0.loses(offset, of: partition) })
      {
        expected = record.isDead ? 1 : record.rowCount + record.deadRows.count
        if plan.leavesOutDuplicates {
          // State that could not be rebuilt has forgotten of what this may be a copy.
          mayBeForgotten = hasStateGap && copies.hasSeen(record)
          if copies.isDuplicate(record) && !hasStateGap { expected = 0 }
        }
      }
      let count = found[offset] ?? 0
      if mayBeForgotten && count == 0 { continue }
      if count != expected {
        return "\(partition) offset \(offset) has \(count) rows, \(expected) are due"
      }
    }
    let beyond = found.keys.filter { $0 >= end }.sorted()
    return beyond.isEmpty ? nil : "\(partition) has rows of \(beyond.prefix(5)), its end is \(end)"
  }

  /// The same rows, byte for byte in content, in whatever order and files.
  private func compare(
    _ table: String, _ rows: [TableRow], _ expected: [TableRow], gaps: [RecordedGap]
  ) {
    // State that could not be rebuilt leaves its mark, on readings too (the flags that the clock
    // decides), and so do detectors that were changed on the way.
    let withoutState = Set(gaps.filter { $0.reason == "state" }.map(\.partition))
    if table == "anomalies" && hasReloaded { return }
    func texts(_ rows: [TableRow]) -> [String: Int] {
      var counts: [String: Int] = [:]
      for row in rows {
        // When a letter was tried in vain is chance; what came back is not.
        if let mark = row.mark, !mark.isFinal { continue }
        // Nobody else brings back what the last replay did not come to.
        if !hasReplayedAll, row.isReplayed || row.mark != nil { continue }
        if let place = row.topicPartition, withoutState.contains(place) { continue }
        counts[row.text, default: 0] += 1
      }
      return counts
    }
    let found = texts(rows)
    let due = texts(expected)
    let extra = found.filter { $0.value > (due[$0.key] ?? 0) }.keys.sorted()
    let missing = due.filter { $0.value > (found[$0.key] ?? 0) }.keys.sorted()
    list.check(
      .rowsFollowFromTopics,
      extra.isEmpty && missing.isEmpty
        ? nil
        : "\(table): \(extra.count) rows too many, \(missing.count) missing; "
          + "too many: \(extra.prefix(2)); missing: \(missing.prefix(2))")
  }
}

/// Which records a source that leaves duplicates out must leave out, told by their serials.
private struct ExpectedCopies {
  /// Serial to the time of the copy that counted, microseconds. Times only grow in a script, by
  /// steps that every clock believes.
  private var counted: [Int: Int64] = [:]

  func hasSeen(_ record: ScriptedRecord) -> Bool {
    record.serial.map { counted[$0] != nil } ?? false
  }

  /// Call it once a record, in their order.
  mutating func isDuplicate(_ record: ScriptedRecord) -> Bool {
    guard let serial = record.serial else { return false }
    let within = ScenarioSources.duplicatesWithinMillis * 1000
    if let time = counted[serial], record.timestampMicros - time <= within { return true }
    counted[serial] = record.timestampMicros
    return false
  }
}
