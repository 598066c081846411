import Base
import Kafka
import Pipeline
import Telemetry

@testable import Simulator

/// A clock that a test turns.
final class HandClock: Sendable {
  private let nanos = Monitor<Int64>(1_000_000_000)

  var now: Int64 { nanos.update { $0 } }

  func pass(millis: Int) { nanos.update { $0 += Int64(millis) * 1_000_000 } }
}

/// A record that says where it belongs.
func numberedRecord(_ partition: Int32, _ number: Int) -> SimulatedRecord {
  SimulatedRecord(
    key: Array("device-\(partition)".utf8), payload: Array("\(partition)/\(number)".utf8),
    timestampMicros: Int64(number) * 1000)
}

/// A delivery as a lane sees it.
struct SeenRecord: Equatable, CustomStringConvertible {
  let kind: RecordHeader.Kind
  let partition: TopicPartition
  let offset: Int64
  let payload: String?
  let lane: Int

  var description: String { "\(partition)@\(offset) \(kind) lane \(lane)" }
}

/// A delegate that starts partitions where `starts` says, else at 0, and remembers what it heard.
final class DrivenDelegate: RebalanceDelegate {
  let laneCount: Int
  var held: Set<TopicPartition> = []
  /// `assigned`, `revoked` and `lost` with their partitions, as they came.
  var story: [String] = []
  var starts: [TopicPartition: Int64] = [:]
  var declines: Set<TopicPartition> = []
  /// Called inside `revoked`.
  var onRevoked: () -> Void = {}

  init(laneCount: Int) { self.laneCount = laneCount }

  func assigned(_ partitions: [TopicPartition]) -> [StartPosition]? {
    story.append("assigned \(partitions)")
    let taken = partitions.filter { !declines.contains($0) }
    held.formUnion(taken)
    return taken.map {
      StartPosition(
        partition: $0, offset: starts[$0] ?? 0, lane: Int($0.partition) % laneCount)
    }
  }

  func revoked(_ partitions: [TopicPartition]) {
    story.append("revoked \(partitions)")
    onRevoked()
    held.subtract(partitions)
  }

  func lost(_ partitions: [TopicPartition]) {
    story.append("lost \(partitions)")
    held.subtract(partitions)
  }

  func count(_ word: String) -> Int { story.count { $0.hasPrefix(word) } }
}

/// One member, driven by one thread: control step and drains in turn.
final class DrivenMember {
  let process: Int
  let delegate: DrivenDelegate
  let consumer: any GroupConsumer
  private(set) var seen: [SeenRecord] = []
  private(set) var events: [ConsumerEvent] = []

  init(
    _ cluster: SimulatedCluster, process: Int, laneCount: Int = 2, topics: [String] = ["t"]
  ) throws {
    self.process = process
    delegate = DrivenDelegate(laneCount: laneCount)
    consumer = try cluster.connect(process: process, laneCount: laneCount, delegate: delegate)
    try consumer.subscribe(topics)
  }

  var held: Set<TopicPartition> { delegate.held }

  func poll() { events += consumer.poll(timeoutMillis: 0) }

  /// What one drain of each lane delivers.
  @discardableResult
  func drain(countMax: Int = 1000) -> [SeenRecord] {
    var found: [SeenRecord] = []
    var batch = RecordBatch()
    for lane in 0..<delegate.laneCount {
      let source = consumer.records(ofLane: lane)
      source.drain(into: &batch, countMax: countMax, timeoutMillis: 0)
      for index in 0..<batch.count {
        let header = batch.headers[index]
        found.append(
          SeenRecord(
            kind: header.kind, partition: source.partitions[Int(header.partitionIndex)],
            offset: header.offset, payload: text(batch.payload(at: index)), lane: lane))
      }
    }
    seen += found
    return found
  }

  func step() {
    poll()
    drain()
  }

  /// Offsets of the records of a partition, as they were delivered.
  func offsets(of partition: TopicPartition) -> [Int64] {
    seen.filter { $0.kind == .record && $0.partition == partition }.map(\.offset)
  }
}

private func text(_ bytes: RawSpan?) -> String? {
  guard let bytes else { return nil }
  var copy: [UInt8] = []
  for position in 0..<bytes.byteCount {
    copy.append(unsafe bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self))
  }
  return String(decoding: copy, as: UTF8.self)
}

/// A cluster with a clock of its own, topic `t` filled with numbered records.
struct DrivenCluster {
  let clock = HandClock()
  let tally = FaultTally()
  let cluster: SimulatedCluster
  let partitions: [TopicPartition]

  init(seed: UInt64, partitionCount: Int = 4, recordCount: Int = 100) {
    let clock = clock
    cluster = SimulatedCluster(seed: seed, tally: tally) { clock.now }
    partitions = (0..<Int32(partitionCount)).map { TopicPartition(topic: "t", partition: $0) }
    cluster.createTopic("t", partitionCount: partitionCount)
    fill(recordCount)
  }

  /// Appends numbered records to every partition.
  func fill(_ count: Int) {
    for partition in partitions {
      let first = Int(cluster.offsets(of: partition)?.upperBound ?? 0)
      cluster.produce(
        (first..<first + count).map { numberedRecord(partition.partition, $0) }, to: partition)
    }
  }

  /// Lets members act in turn for a while of the cluster's time.
  func run(_ members: [DrivenMember], millis: Int = 5000, then look: () -> Void = {}) {
    for _ in 0..<millis / 20 {
      clock.pass(millis: 20)
      for member in members { member.step() }
      look()
    }
  }

  func count(_ kind: FaultKind) -> Int { tally.taken[kind] ?? 0 }
}
