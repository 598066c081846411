import Base
import Kafka
import Telemetry
import Testing

@testable import downlinkd

@Suite struct DeliveryTests {
  private let folder = TemporaryFolder()

  private func fleet(_ deviceCount: Int, seconds: Int64) -> FleetSource {
    var options = FleetOptions(deviceCount: deviceCount, startMicros: 1_767_225_600_000_000)
    options.lengthMicros = seconds * 1_000_000
    options.badShare = 0.05
    return FleetSource(options)
  }

  @Test func `the record log says exactly what the broker holds`() async throws {
    let mock = try MockCluster(brokerCount: 1)
    try mock.createTopic("telemetry", partitionCount: 3)
    var options = Delivery.Options(brokers: mock.brokers, topic: "telemetry")
    options.usesEventTimestamps = true
    // Records are there before: the log's offsets must not begin at 0.
    var earlier = fleet(7, seconds: 10)
    _ = try Delivery(options: options).run(&earlier)
    options.recordLogPath = folder.file("log.jsonl")
    var source = fleet(50, seconds: 20)
    let report = try Delivery(options: options).run(&source)
    #expect(report.madeCount == 1000 && report.acknowledgedCount == 1000)
    #expect(report.failedCount == 0 && !report.isStoppedEarly)

    let held = try await HeldRecords.read(mock, topic: "telemetry", count: 1070)
    let text = try #require(folder.read("log.jsonl"))
    var again = fleet(50, seconds: 20)
    let expected = try records(of: &again)
    let lines = text.split(separator: "\n")
    #expect(lines.count == expected.count)
    for (line, outgoing) in zip(lines, expected) {
      let object = try JSONValue(parsing: Array(line.utf8))
      let partition = try #require(object["partition"]?.int64Value)
      let offset = try #require(object["offset"]?.int64Value)
      let record = try #require(held["\(partition)/\(offset)"])
      #expect(record.key == outgoing.key)
      #expect(record.value == (outgoing.isTombstone ? nil : outgoing.payload))
      #expect(object["timestamp_ms"]?.int64Value == record.timestampMicros / 1000)
      #expect(record.timestampMicros == outgoing.eventMicros / 1000 * 1000)
    }
  }

  @Test func `a record log that cannot be proven keeps its other name and is an error`() throws {
    // The log of an earlier run is not left lying there to be mistaken for this one.
    _ = folder.write("old", as: "log.jsonl")
    var log = try RecordLog(
      path: folder.path + "/log.jsonl", topic: "t", firstOffsets: [5, 0])
    _ = folder.file("log.jsonl.unproven")
    try log.append(partition: 0, timestampMillis: 1) { $0 += Array(#""dead":true"#.utf8) }
    try #require(throws: ProduceError.self) { try log.close(endOffsets: [7, 0], failedCount: 0) }
    try #require(throws: ProduceError.self) { try log.close(endOffsets: [6, 0], failedCount: 1) }
    #expect(folder.read("log.jsonl") == nil)
    try log.close(endOffsets: [6, 0], failedCount: 0)
    #expect(
      folder.read("log.jsonl")
        == #"{"topic":"t","partition":0,"offset":5,"timestamp_ms":1,"dead":true}"# + "\n")
  }

  @Test func `devices go to partitions in turn on request`() async throws {
    let mock = try MockCluster(brokerCount: 1)
    try mock.createTopic("telemetry", partitionCount: 4)
    var options = Delivery.Options(brokers: mock.brokers, topic: "telemetry")
    options.partitioning = .byDeviceIndex
    options.countMax = 90
    var source = fleet(10, seconds: 100)
    #expect(try Delivery(options: options).run(&source).madeCount == 90)
    let held = try await HeldRecords.read(mock, topic: "telemetry", count: 90)
    for (place, record) in held {
      let device = try #require(Int(String(decoding: record.key.dropFirst(4), as: UTF8.self)))
      #expect(place.hasPrefix("\(device % 4)/"))
    }
  }

  @Test func `what cannot be delivered is counted and named`() throws {
    let mock = try MockCluster(brokerCount: 1)
    try mock.createTopic("telemetry", partitionCount: 1)
    try mock.setDown(broker: nil)
    var options = Delivery.Options(brokers: mock.brokers, topic: "telemetry")
    options.properties = [("message.timeout.ms", "300")]
    var source = fleet(5, seconds: 2)
    let report = try Delivery(options: options).run(&source)
    #expect(report.madeCount == 10 && report.failedCount == 10 && report.acknowledgedCount == 0)
    #expect(report.firstFailure?.contains("telemetry") == true)
  }

  @Test func `the pace is kept`() {
    var rate = Pacer(.rate(1000), startNanos: 500)
    #expect(rate.dueNanos(index: 0, eventMicros: 9) == 500)
    #expect(rate.dueNanos(index: 2000, eventMicros: 9) == 2_000_000_500)
    var replay = Pacer(.speedUp(60), startNanos: 500)
    #expect(replay.dueNanos(index: 0, eventMicros: 10_000_000) == 500)
    #expect(replay.dueNanos(index: 1, eventMicros: 70_000_000) == 1_000_000_500)
    var fast = Pacer(.asFastAsPossible, startNanos: 0)
    #expect(fast.dueNanos(index: 0, eventMicros: 0) == nil)
  }

  /// Hashes of Apache Kafka's UtilsTest.testMurmur2.
  @Test(arguments: [
    ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
    ("a-little-bit-longer-string", -1_486_304_829),
    ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
  ])
  func `keys are hashed as the Java client does`(key: String, hash: Int32) {
    #expect(Int32(bitPattern: Murmur2.hash(Array(key.utf8))) == hash)
    let partition = Murmur2.partition(of: Array(key.utf8), count: 10)
    #expect(partition == (hash & Int32.max) % 10)
  }

  @Test func `base64 pads every remainder`() {
    // RFC 4648, section 10.
    let vectors = [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy"),
    ]
    for (plain, coded) in vectors {
      var text: [UInt8] = []
      Base64.append(Array(plain.utf8), to: &text)
      #expect(String(decoding: text, as: UTF8.self) == coded)
    }
  }
}

/// Everything a topic holds, by "partition/offset".
enum HeldRecords {
  struct Record {
    let key: [UInt8]
    let value: [UInt8]?
    let timestampMicros: Int64
  }

  static func read(
    _ mock: MockCluster, topic: String, count: Int
  ) async throws -> [String: Record] {
    var options = KafkaConsumer.Options(brokers: mock.brokers, group: "held", clientID: "held")
    options.properties = [("session.timeout.ms", "6000"), ("fetch.wait.max.ms", "20")]
    let delegate = FromBeginning()
    let consumer = try KafkaConsumer(options, rebalance: delegate)
    defer { consumer.close() }
    try consumer.subscribe([topic])
    var held: [String: Record] = [:]
    let lane = consumer.lane(0)
    var batch = RecordBatch()
    let deadlineNanos = MonotonicClock.nowNanos() + 20_000_000_000
    while held.count < count, MonotonicClock.nowNanos() < deadlineNanos {
      _ = consumer.poll(timeoutMillis: 0)
      lane.drain(into: &batch, countMax: 1000, timeoutMillis: 0)
      for index in 0..<batch.count where batch.headers[index].kind == .record {
        let header = batch.headers[index]
        let partition = lane.partitions[Int(header.partitionIndex)].partition
        held["\(partition)/\(header.offset)"] = Record(
          key: copy(batch.key(at: index)) ?? [], value: copy(batch.payload(at: index)),
          timestampMicros: header.timestampMicros)
      }
      if batch.count == 0 { try await Task.sleep(for: .milliseconds(5)) }
    }
    #expect(held.count == count)
    return held
  }

  private static func copy(_ bytes: RawSpan?) -> [UInt8]? {
    guard let bytes else { return nil }
    return (0..<bytes.byteCount).map {
      unsafe bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self)
    }
  }

  private final class FromBeginning: RebalanceDelegate {
    func assigned(_ partitions: [TopicPartition]) -> [StartPosition]? {
      partitions.map { StartPosition(partition: $0, offset: 0, lane: 0) }
    }
    func revoked(_ partitions: [TopicPartition]) {}
    func lost(_ partitions: [TopicPartition]) {}
  }
}
