import Base
import DeltaLog
import Ledger
import Storage
import TableReading
import Testing

@testable import Pipeline

/// One owner of a wide and a narrow partition: reads, commits, and keeps the table `devices`.
///
/// What it starts with is rebuilt from the records below the chain's `to`, as after a kill.
final class DevicesDriver {
  static let keys = [
    PartitionKey(topic: "telemetry", incarnation: 0, partition: 0),
    PartitionKey(topic: "samples", incarnation: 0, partition: 0),
  ]

  /// By partition; a record's place is its offset.
  static let records: [[TestRecord]] = [(0..<60).map(satellite), (0..<60).map(inverter)]

  private static func satellite(_ index: Int) -> TestRecord {
    let second = Double(index % 11 == 5 ? index - 30 : index)
    let region: String? = index % 3 == 0 ? nil : index < 30 ? "eu" : "us"
    return .wide(
      "sat-\(index % 7)", second: second, region: region, firmware: index == 40 ? "2.0" : nil,
      metrics: [Double(index)], kafkaSecond: Double(index))
  }

  private static func inverter(_ index: Int) -> TestRecord {
    let second = Double(index)
    return .narrow("inv-\(index % 3)", [(second, "a", second), (second - 0.5, "b", nil)])
  }

  let storage: any Storage
  let committer: Committer
  private let harnesses: [PartitionHarness]

  init(_ storage: any Storage, incarnation: String, everyMillis: Int? = 0) throws {
    self.storage = storage
    var options = try TestSources.options()
    options.devicesEveryMillis = everyMillis
    committer = Committer(
      options: options, storage: storage, pool: .test, incarnation: incarnation,
      log: TestSources.silentLog)
    try committer.recover(clusterID: "cluster")
    for key in Self.keys {
      let opening = TopicOpening(
        topic: key.topic, incarnation: 0, partitionCount: 1, firstPartition: 0, startOffsets: [0])
      try committer.open(opening, clusterID: "cluster")
      committer.own(key)
    }
    let state = committer.state
    harnesses = try Self.keys.enumerated().map { index, key in
      let to = try #require(state.partitions[key]).to
      let harness = PartitionHarness(
        .test(key.topic, 0, source: index, to: to), source: options.sources[index])
      harness.offer(Array(Self.records[index][..<Int(to)]), from: 0)
      return harness
    }
  }

  /// Where the chain stands as this owner knows it.
  func position(_ partition: Int) -> Int64 {
    committer.state.partitions[Self.keys[partition]]?.to ?? 0
  }

  /// Takes records of each partition up to an offset, and puts the entry.
  /// - Returns: what is due of `devices`.
  func commit(through end: Int64) throws -> [DeviceRows] {
    let id = committer.nextCommitID()
    var cuts: [PartitionCut] = []
    var rows: [DeviceRows] = []
    for (index, harness) in harnesses.enumerated() {
      let from = harness.partition.expected
      if from < end {
        harness.offer(Array(Self.records[index][Int(from)..<Int(end)]), from: from)
      }
      if let cut = harness.cut() { cuts.append(cut) }
      let due = harness.partition.takeDeviceRows(
        everyMillis: committer.options.devicesEveryMillis, wanted: false, nowNanos: 1)
      if let due { rows.append(due) }
    }
    _ = try committer.commit(cuts, id: id)
    return rows
  }

  /// The same with the table.
  func advance(through end: Int64) throws {
    try committer.writeDevices(try commit(through: end))
  }
}

/// The table `devices` as its log has it.
struct DevicesContent {
  let snapshot: TableSnapshot
  /// By `topic/partition device`, the columns that are asked for.
  private(set) var rows: [String: [String: String]] = [:]
  private(set) var fileCount = 0

  init(_ storage: any Storage) throws {
    var snapshot = TableSnapshot(storage: storage, folder: "tables/devices", engine: "test")
    try snapshot.follow()
    self.snapshot = snapshot
    for file in snapshot.files {
      fileCount += 1
      let stored = try StoredRows("tables/devices/\(file.path)", storage)
      let place = "\(file.partitionValues["kafka_topic"] ?? "-")/"
        + "\(file.partitionValues["topic_incarnation"] ?? "-")/"
        + "\(file.partitionValues["kafka_partition"] ?? "-")"
      for group in 0..<stored.rowGroupCount { try take(stored, group, place) }
    }
  }

  private static let integers = [
    "first_seen", "last_seen", "last_kafka_timestamp", "records", "readings", "region_since",
    "late_readings", "future_readings", "clock_skew_ms", "clock_skew_max_ms", "kafka_offset",
    "open_anomalies", "watermark", "final_through",
  ]
  private static let texts = ["source", "region", "firmware", "model", "worst_severity"]

  private mutating func take(_ stored: StoredRows, _ group: Int, _ place: String) throws {
    let devices = try stored.texts("device_id", rowGroup: group)
    var found = Array(repeating: [String: String](), count: stored.rowCount(ofGroup: group))
    for name in Self.integers {
      let column = try stored.integers(name, rowGroup: group)
      for row in found.indices { found[row][name] = column[row].map { "\($0)" } }
    }
    for name in Self.texts {
      let column = try stored.texts(name, rowGroup: group)
      for row in found.indices { found[row][name] = column[row] }
    }
    for row in found.indices {
      let device = "\(place) \(devices[row] ?? "-")"
      #expect(rows.updateValue(found[row], forKey: device) == nil, "\(device) has one row")
    }
  }
}
