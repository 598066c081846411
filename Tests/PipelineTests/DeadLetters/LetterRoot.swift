import Base
import Decode
import Ledger
import Storage
import TableReading
import Testing

@testable import Pipeline

/// A root with dead letters, made by a configuration that does not fit its records, and the
/// configuration that does.
///
///     telemetry   offsets 0 … 19: every other record has no device but in its key, the last of
///                 them has no payload either
///     samples     offsets 0 … 5: the second of three rows has no time of its own
enum LetterRoot {
  static let recordCount = 20
  /// Whole records that only the mended configuration reads.
  static let mendableCount = 9
  static let sampleCount = 6

  static func options(
    isMended: Bool, commitByteCount: Int = 1 << 20, fingerprint: String? = nil
  ) throws -> PipelineOptions {
    var wide = MessageMapping(
      source: "snapshots", messageName: "fleet.telemetry.v1.DeviceTelemetry",
      device: isMended ? .recordKey : .field("device_id"),
      time: .init(field: "time_unix_ms", unit: .milliseconds), sequence: "sequence",
      plausibleFromMicros: TestSources.plausibleFromMicros)
    wide.attributes = [.init(field: "region")]
    let narrow = MessageMapping(
      source: "samples", messageName: "fleet.telemetry.v1.TelemetryBatch", rows: "samples",
      device: .field("device_id"),
      time: isMended
        ? .init(field: "sequence", unit: .seconds)
        : .init(field: "samples.time_unix_us", unit: .microseconds),
      narrowMetric: .init(nameField: "samples.metric", valueField: "samples.value"),
      plausibleFromMicros: TestSources.plausibleFromMicros)
    var options = try TestSources.options(
      sources: [
        SourceOptions(
          topics: ["telemetry"], plan: try DecodePlan(wide), windows: [TestSources.tenSeconds],
          eventTime: TestSources.eventTime, detectors: []),
        SourceOptions(
          topics: ["samples"], plan: try DecodePlan(narrow), windows: [TestSources.tenSeconds],
          eventTime: TestSources.eventTime, detectors: []),
      ], commitByteCount: commitByteCount)
    options.configFingerprint = fingerprint ?? (isMended ? "mended" : "broken")
    return options
  }

  /// Days apart, so that letters lie in folders of several dates.
  private static func second(_ index: Int) -> Double { Double(index / 10) * 86_400 + Double(index) }

  private static func wide(_ index: Int) -> TestRecord {
    if index == recordCount - 1 { return .bytes(nil, second: second(index)) }
    var record = TestRecord.wide(
      index.isMultiple(of: 2) ? "sat-1" : "", second: second(index),
      metrics: [Double(index), nil, 3])
    record.key = Array("sat-\(index)".utf8)
    record.headersJSON = #"[{"key":"h","value":"AQ=="}]"#
    return record
  }

  private static func narrow(_ index: Int) -> TestRecord {
    let micros = UInt64(TestSources.startMillis * 1000) + UInt64(index) * 1_000_000
    var writer = ByteWriter()
    TelemetryEncoder.append(
      TelemetryBatchMessage(
        deviceID: "inv-1", sequence: micros / 1_000_000,
        samples: [
          .init(timeUnixMicros: micros, metric: "a", value: 1),
          .init(timeUnixMicros: 0, metric: "b", value: 2),
          .init(timeUnixMicros: micros, metric: "c", value: 3),
        ]), to: &writer)
    return TestRecord(
      key: Array("inv-1".utf8), payload: writer.bytes, timestampMicros: Int64(micros))
  }

  /// Reads everything, with the configuration that does not fit, in commits of five records.
  ///
  /// - Parameter samples: in place of its own.
  static func make(_ storage: any Storage, samples: [TestRecord]? = nil) throws {
    let options = try options(isMended: false)
    let committer = Committer(
      options: options, storage: storage, pool: .test, incarnation: "maker",
      log: TestSources.silentLog)
    try committer.recover(clusterID: "cluster")
    let logs = [
      ("telemetry", (0..<recordCount).map(wide)),
      ("samples", samples ?? (0..<sampleCount).map(narrow)),
    ]
    for (source, (topic, records)) in logs.enumerated() {
      try committer.open(
        TopicOpening(
          topic: topic, incarnation: 0, partitionCount: 1, firstPartition: 0, startOffsets: [0]),
        clusterID: "cluster")
      committer.own(PartitionKey(topic: topic, incarnation: 0, partition: 0))
      let harness = PartitionHarness(.test(topic, source: source), source: options.sources[source])
      for first in stride(from: 0, to: records.count, by: 5) {
        harness.offer(Array(records[first..<min(first + 5, records.count)]), from: Int64(first))
        _ = try committer.commit([try #require(harness.cut())], id: committer.nextCommitID())
      }
    }
  }

  static func replay(_ storage: any Storage, commitByteCount: Int = 1 << 20) throws
    -> DeadLetterReplay
  {
    DeadLetterReplay(
      options: try options(isMended: true, commitByteCount: commitByteCount), storage: storage,
      log: TestSources.silentLog)
  }

  static func summary(
    _ storage: any Storage, _ filter: DeadLetterFilter = .init()
  ) throws -> DeadLetterSummary {
    try DeadLetterStore(storage: storage, pipeline: "fleet").summary(filter)
  }
}

extension LetterRoot {
  /// `source topic offset row flags` of every reading, sorted.
  static func readings(_ storage: MemoryStorage) throws -> [String] {
    var lines: [String] = []
    for source in ["snapshots", "samples"] {
      try forEachRow(storage, "readings_\(source)") { rows, group, row in
        let flags = try rows.integers("flags", rowGroup: group)[row] ?? -1
        let device = try rows.texts("device_id", rowGroup: group)[row] ?? ""
        lines.append("\(try place(rows, group, row)) \(device) \(flags)")
      }
    }
    return lines.sorted()
  }

  /// `topic offset row outcome readings reason` of every mark, sorted.
  static func marks(_ storage: MemoryStorage) throws -> [String] {
    var lines: [String] = []
    try forEachRow(storage, "dead_letter_replays") { rows, group, row in
      let outcome = try rows.texts("outcome", rowGroup: group)[row] ?? ""
      let count = try rows.integers("readings", rowGroup: group)[row] ?? -1
      let reason = try rows.texts("reason", rowGroup: group)[row] ?? ""
      lines.append("\(try place(rows, group, row)) \(outcome) \(count) \(reason)")
    }
    return lines.sorted()
  }

  private static func place(
    _ rows: StoredRows, _ group: Int, _ row: Int
  ) throws -> String {
    let topic = try rows.texts("kafka_topic", rowGroup: group)[row] ?? ""
    let offset = try rows.integers("kafka_offset", rowGroup: group)[row] ?? -1
    let index = try rows.integers("row_index", rowGroup: group)[row].map { "\($0)" } ?? "-"
    return "\(topic) \(offset) \(index)"
  }

  private static func forEachRow(
    _ storage: MemoryStorage, _ table: String, _ body: (StoredRows, Int, Int) throws -> Void
  ) throws {
    let ledger = Ledger(storage: storage, pipeline: "fleet", incarnation: "reader")
    try ledger.open()
    let files = try TableFileList.read(
      table: table, storage: storage, appID: "fleet/\(ledger.state.ledgerID)")
    for file in files {
      let rows = try StoredRows(file.path, storage)
      for group in 0..<rows.rowGroupCount {
        for row in 0..<rows.rowCount(ofGroup: group) { try body(rows, group, row) }
      }
    }
  }
}
