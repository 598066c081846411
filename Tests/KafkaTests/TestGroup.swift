import Base
import Kafka
import Telemetry
import Testing

/// A mock cluster with one topic, and the settings that make its rebalances quick.
struct TestCluster {
  let mock: MockCluster
  let topic = "telemetry"

  init(partitionCount: Int, brokerCount: Int = 1) throws {
    mock = try MockCluster(brokerCount: brokerCount)
    try mock.createTopic(topic, partitionCount: partitionCount)
  }

  /// Options with short time-outs. The mock waits 3 s for a group's first members, at every later
  /// rebalance for the session time-out less one second; the latter must be above the former.
  func options(laneCount: Int = 1) -> KafkaConsumer.Options {
    var options = KafkaConsumer.Options(brokers: mock.brokers, group: "tests", clientID: "test")
    options.laneCount = laneCount
    options.properties = [
      ("session.timeout.ms", "4000"), ("heartbeat.interval.ms", "200"),
      ("max.poll.interval.ms", "30000"), ("fetch.wait.max.ms", "20"),
    ]
    return options
  }

  func producer(_ properties: [(String, String)] = []) throws -> KafkaProducer {
    var options = KafkaProducer.Options(brokers: mock.brokers, clientID: "test-producer")
    options.properties = properties
    return try KafkaProducer(options)
  }

  func partition(_ number: Int32) -> TopicPartition {
    TopicPartition(topic: topic, partition: number)
  }

  /// Produces `count` records with values "0", "1" … to each partition in turn.
  func fill(
    _ partitions: Range<Int32>, count: Int, from first: Int = 0,
    _ properties: [(String, String)] = []
  ) throws {
    let producer = try producer([("linger.ms", "5")] + properties)
    defer { producer.close() }
    for partition in partitions {
      for number in first..<first + count {
        try producer.produce(topic: topic, partition: partition, value: Array("\(number)".utf8))
      }
    }
    #expect(producer.flush(timeoutMillis: 10_000))
    #expect(producer.failedCount == 0)
  }
}

/// A delegate that starts partitions where `starts` says (else at 0) and remembers what happened.
final class RecordingDelegate: RebalanceDelegate {
  var starts: [TopicPartition: Int64] = [:]
  var laneCount = 1
  var declines = false
  private(set) var assignedPartitions: [TopicPartition] = []
  private(set) var revokedPartitions: [TopicPartition] = []
  private(set) var lostPartitions: [TopicPartition] = []
  var onAssigned: ([TopicPartition]) -> Void = { _ in }
  var onRevoked: ([TopicPartition]) -> Void = { _ in }

  func assigned(_ partitions: [TopicPartition]) -> [StartPosition]? {
    assignedPartitions += partitions
    onAssigned(partitions)
    if declines { return nil }
    return partitions.map {
      StartPosition(
        partition: $0, offset: starts[$0] ?? 0, lane: Int($0.partition) % laneCount)
    }
  }

  func revoked(_ partitions: [TopicPartition]) {
    revokedPartitions += partitions
    onRevoked(partitions)
  }

  func lost(_ partitions: [TopicPartition]) {
    lostPartitions += partitions
    onRevoked(partitions)
  }
}

/// One record copied out of a batch.
struct TakenRecord: Equatable {
  var kind: RecordHeader.Kind
  var partition: TopicPartition
  var offset: Int64
  var key: String?
  var value: String?
  var timestampMicros: Int64
  var headersJSON: String?
}

/// A consumer with everything it met, driven from the test's own thread.
final class TestMember {
  let delegate = RecordingDelegate()
  let consumer: KafkaConsumer
  private(set) var events: [ConsumerEvent] = []

  init(_ options: KafkaConsumer.Options, topics: [String]) throws {
    delegate.laneCount = options.laneCount
    consumer = try KafkaConsumer(options, rebalance: delegate)
    try consumer.subscribe(topics)
  }

  /// One round: polls, then drains a lane.
  func step(lane: Int = 0) -> [TakenRecord] {
    poll()
    return drain(lane: lane)
  }

  /// Does not wait: the tests run side by side on few threads, and waiting is theirs.
  func poll() { events += consumer.poll(timeoutMillis: 0) }

  func drain(lane: Int = 0, countMax: Int = 1000, timeoutMillis: Int32 = 0) -> [TakenRecord] {
    let source = consumer.lane(lane)
    var batch = RecordBatch()
    source.drain(into: &batch, countMax: countMax, timeoutMillis: timeoutMillis)
    var records: [TakenRecord] = []
    for index in 0..<batch.count {
      let header = batch.headers[index]
      records.append(
        TakenRecord(
          kind: header.kind, partition: source.partitions[Int(header.partitionIndex)],
          offset: header.offset, key: text(batch.key(at: index)),
          value: text(batch.payload(at: index)), timestampMicros: header.timestampMicros,
          headersJSON: source.headersJSON(at: index)))
    }
    return records
  }

  private func text(_ bytes: RawSpan?) -> String? {
    guard let bytes else { return nil }
    var copy: [UInt8] = []
    for position in 0..<bytes.byteCount {
      copy.append(unsafe bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self))
    }
    return String(decoding: copy, as: UTF8.self)
  }

  /// Errors that would make a test's outcome doubtful.
  var errors: [KafkaError] {
    events.compactMap {
      switch $0 {
      case .error(let error), .fatal(let error), .groupOffsetsNotCommitted(let error): error
      default: nil
      }
    }
  }
}

/// Repeats `done` until it is true, at most `timeoutMillis`; records an issue if it never was.
///
/// Rounds are 5 ms apart, so that the other tests, which wait as much, get their turn.
@discardableResult
func wait(
  _ what: Comment, timeoutMillis: Int64 = 20_000,
  sourceLocation: SourceLocation = #_sourceLocation, until done: () throws -> Bool
) async throws -> Bool {
  let deadlineNanos = MonotonicClock.nowNanos() + timeoutMillis * 1_000_000
  while MonotonicClock.nowNanos() < deadlineNanos {
    if try done() { return true }
    try await Task.sleep(for: .milliseconds(5))
  }
  Issue.record(what, sourceLocation: sourceLocation)
  return false
}

/// Repeats `body` for a while: to see that nothing more happens.
func keep(doing body: () throws -> Void, forMillis millis: Int64) async throws {
  let deadlineNanos = MonotonicClock.nowNanos() + millis * 1_000_000
  while MonotonicClock.nowNanos() < deadlineNanos {
    try body()
    try await Task.sleep(for: .milliseconds(5))
  }
}
