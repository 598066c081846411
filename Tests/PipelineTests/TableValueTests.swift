import Base
import Decode
import Ledger
import Storage
import Telemetry
import Testing

@testable import Pipeline

/// Values of every table as pyarrow reads them from the files, against values written out here.
@Suite struct TableValueTests {
  private static let start = TestSources.startMillis * 1000
  private static let day: Int64 = 86_400_000_000

  // MARK: - Writing

  /// Commits what the given partitions produce and reads all tables back.
  private func rows(_ inputs: [Input]) throws -> Set<String> {
    let storage = MemoryStorage()
    // Three rows a row group: gathering crosses groups, runs and parts.
    let options = try TestSources.options(rowGroupRowCountMax: 3)
    let committer = Committer(
      options: options, storage: storage, pool: OutputPool(byteCountMax: 0), incarnation: "i",
      log: TestSources.silentLog)
    try committer.recover(clusterID: "cluster")
    for (topic, count) in [("telemetry", Int32(2)), ("samples", 1)] {
      let opening = TopicOpening(
        topic: topic, incarnation: 0, partitionCount: count, firstPartition: 0,
        startOffsets: Array(repeating: 0, count: Int(count)))
      try committer.open(opening, clusterID: "cluster")
    }
    var cuts: [PartitionCut] = []
    for input in inputs {
      let harness = PartitionHarness(
        .test(input.topic, input.partition, source: input.source),
        source: options.sources[input.source])
      harness.offer(input.records, from: 0)
      if let gapEnd = input.gapEnd { harness.partition.skipGap(to: gapEnd, reason: "retention") }
      committer.own(harness.partition.key)
      cuts.append(try #require(harness.cut()))
    }
    _ = try committer.commit(cuts, id: committer.nextCommitID())
    let folder = try TableFolder()
    let found = try TableFolder.rows(try folder.add(storage, as: "root"))
    #expect(Set(found).count == found.count, "no row stands twice")
    return Set(found)
  }

  private func of(_ table: String, _ rows: Set<String>) -> Set<String> {
    rows.filter { $0.contains("\"table\":\"\(table)\"") }
  }

  private struct Input {
    var topic = "telemetry"
    var partition: Int32 = 0
    var source = 0
    var records: [TestRecord]
    var gapEnd: Int64?
  }

  /// A row in the form the script prints; absent values are left out.
  private func row(_ table: String, _ members: [String: JSONValue]) -> String {
    var members = members
    members["table"] = .string(table)
    let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    return JSONValue.object(sorted.map { JSONMember($0.key, $0.value) }).text
  }

  private func bits(_ value: Double) -> JSONValue { .string(RandomID.hex(value.bitPattern)) }

  // MARK: - Readings

  private func reading(
    _ device: String, partition: Int32 = 0, offset: Int64, time: Int64, kafkaTime: Int64? = nil,
    date: String = "2026-09-21", _ others: [String: JSONValue]
  ) -> String {
    var members: [String: JSONValue] = [
      "device_id": .string(device), "event_time": .int(time), "flags": 0,
      "kafka_topic": "telemetry", "topic_incarnation": 0, "kafka_partition": .int(partition),
      "kafka_offset": .int(offset), "row_index": 0, "event_date": .string(date), "sequence": 1,
      "region": "eu",
    ]
    members["kafka_timestamp"] = .int(kafkaTime ?? time)
    for (name, value) in others { members[name] = value.isNull ? nil : value }
    return row("readings_snapshots", members)
  }

  @Test func `wide readings of two partitions`() throws {
    let tomorrow = Double(Self.day / 1_000_000)
    var unstamped = TestRecord.wide("sat-a", second: 5, region: "us", metrics: [5])
    unstamped.timestampMicros = ReadingBatch.absentTimestamp
    let found = try rows([
      Input(records: [
        .wide("sat-b", second: 0, firmware: "1.0", metrics: [1.5, nil, -0.0]),
        .wide("sat-b", second: 1, region: nil, metrics: [nil, .infinity]),
        .wide("sat-a", second: tomorrow, metrics: [2], kafkaSecond: 2),
        .wide("sat-a", second: 100 * tomorrow, metrics: [3], kafkaSecond: 3),
        .wide("sat-a", second: 4, sequence: 77, metrics: [4]),
        .wide("sat-a", second: 3.5, region: "ap", metrics: [3.5], kafkaSecond: 5),
      ]),
      Input(partition: 1, records: [unstamped, .wide("sat-a", second: 6, metrics: [6])]),
    ])
    let readings = of("readings_snapshots", found)
    let seconds = { (second: Double) in Self.start + Int64(second * 1_000_000) }
    let future = JSONValue.int(ReadingFlags.future.rawValue)
    let nonFinite = JSONValue.int(ReadingFlags.nonFinite.rawValue)
    #expect(
      readings == [
        reading(
          "sat-b", offset: 0, time: seconds(0),
          [
            "firmware": "1.0", "battery_voltage_v": bits(1.5),
            "battery_temperature_c": bits(-0.0),
          ]),
        reading(
          "sat-b", offset: 1, time: seconds(1),
          ["region": .null, "battery_current_a": bits(.infinity), "flags": nonFinite]),
        // Implausible times are filed under the day of Kafka's stamp.
        reading(
          "sat-a", offset: 2, time: seconds(tomorrow), kafkaTime: seconds(2),
          ["battery_voltage_v": bits(2), "flags": future]),
        reading(
          "sat-a", offset: 3, time: seconds(100 * tomorrow), kafkaTime: seconds(3),
          ["battery_voltage_v": bits(3), "flags": future]),
        reading(
          "sat-a", offset: 4, time: seconds(4), ["sequence": 77, "battery_voltage_v": bits(4)]),
        reading(
          "sat-a", offset: 5, time: seconds(3.5), kafkaTime: seconds(5),
          ["region": "ap", "battery_voltage_v": bits(3.5)]),
        reading(
          "sat-a", partition: 1, offset: 0, time: seconds(5),
          ["region": "us", "battery_voltage_v": bits(5), "kafka_timestamp": .null]),
        reading(
          "sat-a", partition: 1, offset: 1, time: seconds(6), ["battery_voltage_v": bits(6)]),
      ])
  }

  @Test func `rows are filed under their own dates`() throws {
    let hours = { (count: Double) in count * 3600 }
    let found = try rows([
      Input(records: [
        .wide("sat-a", second: hours(12)),
        .wide("sat-a", second: hours(-20), kafkaSecond: hours(12)),
        .wide("sat-a", second: hours(13)),
      ])
    ])
    let dates = try Array(of("readings_snapshots", found)).map {
      try #require(try JSONValue(parsing: $0)["event_date"]?.stringValue)
    }
    #expect(dates.sorted() == ["2026-09-20", "2026-09-22", "2026-09-22"])
  }

  @Test func `a time before the plausible is flagged and filed under Kafka's date`() throws {
    var writer = ByteWriter()
    TelemetryEncoder.append(
      DeviceTelemetryMessage(deviceID: "sat-a", timeUnixMillis: 1, metrics: [1]), to: &writer)
    let found = try rows([
      Input(records: [
        TestRecord(key: nil, payload: writer.bytes, timestampMicros: Self.start),
        TestRecord(
          key: nil, payload: writer.bytes, timestampMicros: ReadingBatch.absentTimestamp),
      ])
    ])
    let flagged: [String: JSONValue] = [
      "flags": .int(ReadingFlags.beforePlausible.rawValue), "battery_voltage_v": bits(1),
      "region": .null, "sequence": .null,
    ]
    var unstamped = flagged
    unstamped["kafka_timestamp"] = .null
    #expect(
      of("readings_snapshots", found) == [
        reading("sat-a", offset: 0, time: 1000, kafkaTime: Self.start, flagged),
        reading("sat-a", offset: 1, time: 1000, date: "1970-01-01", unstamped),
      ])
  }

  @Test func `narrow readings name their metric`() throws {
    let found = try rows([
      Input(
        topic: "samples", source: 1,
        records: [
          .narrow("inv-1", [(0, "b", 1), (1, "a", nil), (2, "b", -2.5)]),
          .narrow("inv-2", [(0, "a", 7)], model: nil),
        ])
    ])
    func sample(
      _ device: String, _ offset: Int64, _ index: Int32, _ second: Int64,
      _ others: [String: JSONValue]
    ) -> String {
      var members: [String: JSONValue] = [
        "device_id": .string(device), "event_time": .int(Self.start + second * 1_000_000),
        "flags": 0, "kafka_topic": "samples", "topic_incarnation": 0, "kafka_partition": 0,
        "kafka_offset": .int(offset), "row_index": .int(index), "event_date": "2026-09-21",
        "region": "us", "kafka_timestamp": .int(Self.start + (offset == 0 ? 2_000_000 : 0)),
      ]
      for (name, value) in others { members[name] = value }
      return row("readings_samples", members)
    }
    #expect(
      of("readings_samples", found) == [
        sample("inv-1", 0, 0, 0, ["metric": "b", "value": bits(1), "model": "m1"]),
        sample("inv-1", 0, 1, 1, ["metric": "a", "model": "m1"]),
        sample("inv-1", 0, 2, 2, ["metric": "b", "value": bits(-2.5), "model": "m1"]),
        sample("inv-2", 1, 0, 0, ["metric": "a", "value": bits(7)]),
      ])
  }

  // MARK: - The other tables

  @Test func `windows of two sources side by side`() throws {
    let found = try rows([
      Input(records: [
        .wide("sat-1", second: 0, metrics: [1]), .wide("sat-1", second: 1, metrics: [2]),
        .wide("sat-1", second: 2, firmware: "2", metrics: [6]),
        .wide("sat-1", second: 11, region: "us", metrics: [9]),
      ]),
      Input(
        topic: "samples", source: 1,
        records: [.narrow("inv-1", [(0, "b", 4)]), .narrow("inv-1", [(12, "b", 5)])]),
    ])
    func window(_ start: Int64, _ end: Int64, _ others: [String: JSONValue]) -> String {
      var members: [String: JSONValue] = [
        "window_start": .int(Self.start + start * 1_000_000),
        "window_end": .int(Self.start + end * 1_000_000), "revision": 0, "topic_incarnation": 0,
        "kafka_partition": 0, "event_date": "2026-09-21",
      ]
      for (name, value) in others { members[name] = value }
      return row("windows", members)
    }
    // The attributes are the last known when the window fires.
    let snapshot: [String: JSONValue] = [
      "source": "snapshots", "device_id": "sat-1", "metric": "battery_voltage_v",
      "kafka_topic": "telemetry", "region": "us", "firmware": "2",
    ]
    let expected = [
      window(
        0, 10,
        snapshot.merging([
          "window_name": "10s", "count": 3, "sum": bits(9), "mean": bits(3), "min": bits(1),
          "max": bits(6), "stddev": bits(7.0.squareRoot()), "first": bits(1), "last": bits(6),
        ]) { $1 }),
      // Only what the window asks for; the rest is null, the count too.
      window(
        -20, 10,
        snapshot.merging([
          "window_name": "30s", "mean": bits(3), "min": bits(1), "last": bits(6),
        ]) { $1 }),
      window(
        0, 10,
        [
          "source": "samples", "device_id": "inv-1", "metric": "b", "kafka_topic": "samples",
          "region": "us", "model": "m1", "window_name": "10s", "count": 1, "sum": bits(4),
          "mean": bits(4), "min": bits(4), "max": bits(4), "first": bits(4), "last": bits(4),
        ]),
    ]
    #expect(of("windows", found) == Set(expected))
  }

  @Test func `dead letters keep bytes, headers and reason`() throws {
    let narrow = TestRecord.narrow("inv-1", [(0, "a", 1), (1, nil, 2)])
    var tombstone = TestRecord.bytes(nil, second: 1)
    tombstone.headersJSON = nil
    let found = try rows([
      Input(records: [.bytes([0xFF]), tombstone]),
      Input(topic: "samples", source: 1, records: [narrow]),
    ])
    let letters = try of("dead_letters", found)
      .map { try JSONValue(parsing: $0) }
      .sorted { ($0["source"]?.text ?? "", $0.text) < ($1["source"]?.text ?? "", $1.text) }
    #expect(letters.map { $0["source"]?.stringValue } == ["samples", "snapshots", "snapshots"])
    #expect(letters.map { $0["row_index"]?.int64Value } == [1, nil, nil])
    let byOffset = letters.suffix(2).sorted {
      ($0["kafka_offset"]?.int64Value ?? 0) < ($1["kafka_offset"]?.int64Value ?? 0)
    }
    #expect(byOffset[0]["payload"]?.stringValue == "xff")
    #expect(byOffset[0]["key"]?.stringValue == "x0102")
    #expect(byOffset[0]["headers_json"]?.stringValue == #"[{"key":"h","value":"AQ=="}]"#)
    #expect(byOffset[1]["payload"] == nil)
    #expect(byOffset[1]["headers_json"] == nil)
    #expect(byOffset[1]["reason"]?.stringValue == "null_payload")
    #expect(byOffset[1]["kafka_timestamp"]?.int64Value == Self.start + 1_000_000)
    let payload = try #require(narrow.payload)
    let digits = payload.map { RandomID.hex(UInt64($0)).suffix(2) }.joined()
    #expect(letters[0]["payload"]?.stringValue == "x" + digits)
    #expect(letters[0]["reason"]?.stringValue == "no_metric_name")
    #expect(letters.allSatisfy { $0["event_date"]?.stringValue == "2026-09-21" })
    #expect(letters.allSatisfy { $0["stage"]?.stringValue == "decode" })
  }

  @Test func `gaps say from where to where and why`() throws {
    let found = try rows([Input(records: [.wide("sat-1", second: 0)], gapEnd: 50)])
    #expect(
      of("gaps", found) == [
        row(
          "gaps",
          [
            "kafka_topic": "telemetry", "topic_incarnation": 0, "kafka_partition": 0,
            "from_offset": 1, "to_offset": 50, "reason": "retention",
            "decided_by": "kafka.on_position_lost: skip_and_record", "event_date": "2026-09-21",
          ])
      ])
  }
}
