import Base
import Kafka
import Telemetry

@testable import Pipeline

/// Topics held in memory: what every partition has at each offset.
struct RecordedTopics: Sendable {
  var partitions: [TopicPartition: [TestRecord]]
  /// Offsets below were deleted by retention.
  var beginnings: [TopicPartition: Int64] = [:]
  var clusterID = "recorded"
  /// Partitions of which no broker tells the end.
  var leaderless: Set<TopicPartition> = []

  /// The topics as they were when a share of every partition had been produced.
  func prefix(_ share: Double) -> RecordedTopics {
    var topics = self
    topics.partitions = partitions.mapValues { Array($0.prefix(Int(Double($0.count) * share))) }
    return topics
  }

  var names: [TopicPartition] { partitions.keys.sorted() }
}

/// A consumer that is given every partition of `RecordedTopics`, whatever others read.
final class RecordedConsumer: GroupConsumer, @unchecked Sendable {
  // @unchecked because control calls come from the control thread and each lane's records from
  // the lane's; what they share is behind the lane's Monitor.
  private let topics: RecordedTopics
  private let lanes: [RecordedLane]
  private let delegate: any RebalanceDelegate
  private var assigned: [TopicPartition] = []
  private var isJoined = false

  init(
    _ topics: RecordedTopics, laneCount: Int, seed: UInt64, delegate: any RebalanceDelegate
  ) {
    self.topics = topics
    self.delegate = delegate
    lanes = (0..<laneCount).map { RecordedLane(topics, seed: seed &+ UInt64($0)) }
  }

  func subscribe(_ topics: [String]) throws(KafkaError) {}

  func poll(timeoutMillis: Int32) -> [ConsumerEvent] {
    if isJoined {
      _ = Monitor(0).wait(timeoutMillis: 2) { _ -> Bool? in nil }
      return []
    }
    isJoined = true
    for start in delegate.assigned(topics.names) ?? [] {
      lanes[start.lane].move(start.partition, to: start.offset)
      assigned.append(start.partition)
    }
    let declined = topics.names.filter { !assigned.contains($0) }
    return declined.isEmpty ? [] : [.declined(declined)]
  }

  func records(ofLane index: Int) -> any RecordSource { lanes[index] }

  func partitionCounts(
    _ names: [String], timeoutMillis: Int32
  ) throws(KafkaError) -> [String: Int] {
    var counts: [String: Int] = [:]
    for partition in topics.names where names.contains(partition.topic) {
      counts[partition.topic, default: 0] += 1
    }
    for name in names where counts[name] == nil {
      throw KafkaError(code: .unknownTopicOrPartition, operation: "read the metadata of \(name)")
    }
    return counts
  }

  func offsetRanges(
    _ partitions: [TopicPartition], timeoutMillis: Int32
  ) throws(KafkaError) -> [TopicPartition: OffsetRange] {
    var ranges: [TopicPartition: OffsetRange] = [:]
    for partition in partitions {
      ranges[partition] = OffsetRange(
        beginning: topics.beginnings[partition] ?? 0,
        end: Int64(topics.partitions[partition]?.count ?? 0))
    }
    return ranges
  }

  func endOffsets(
    _ partitions: [TopicPartition], timeoutMillis: Int32
  ) throws(KafkaError) -> [TopicPartition: Int64] {
    // As the client does: one fails them all.
    if !topics.leaderless.isDisjoint(with: partitions) {
      throw KafkaError(code: .leaderNotAvailable, operation: "ask for the ends")
    }
    return try offsetRanges(partitions, timeoutMillis: timeoutMillis).mapValues(\.end)
  }

  func clusterID(timeoutMillis: Int32) -> String? { topics.clusterID }

  func firstRecords(
    at positions: [TopicPartition: Int64], timeoutMillis: Int32
  ) throws(KafkaError) -> [TopicPartition: ProbedRecord] {
    var found: [TopicPartition: ProbedRecord] = [:]
    for (partition, offset) in positions {
      let records = topics.partitions[partition] ?? []
      let first = (Int(offset)..<max(Int(offset), records.count)).first {
        !records[$0].isUndelivered
      }
      guard let first else { continue }
      found[partition] = ProbedRecord(
        offset: Int64(first), timestampMicros: records[first].timestampMicros,
        key: records[first].key, payload: records[first].payload)
    }
    return found
  }

  func commitGroupOffsets(
    _ positions: [(partition: TopicPartition, nextOffset: Int64)]
  ) throws(KafkaError) {}

  func seek(
    _ partition: TopicPartition, to offset: Int64, timeoutMillis: Int32
  ) throws(KafkaError) {
    for lane in lanes where lane.holds(partition) { lane.move(partition, to: offset) }
  }

  func pause(_ partitions: [TopicPartition]) throws(KafkaError) {
    for lane in lanes { lane.setPaused(partitions, true) }
  }

  func resume(_ partitions: [TopicPartition]) throws(KafkaError) {
    for lane in lanes { lane.setPaused(partitions, false) }
  }

  func leaveGroup(timeoutMillis: Int) -> (events: [ConsumerEvent], isClean: Bool) {
    if !assigned.isEmpty { delegate.revoked(assigned) }
    assigned = []
    return ([], true)
  }

  func close(timeoutMillis: Int) {}
}

extension RecordedConsumer: PositionSource {
  /// One that is never assigned anything, for questions only.
  convenience init(asking topics: RecordedTopics) {
    self.init(topics, laneCount: 1, seed: 0, delegate: NoRebalance())
  }
}

private final class NoRebalance: RebalanceDelegate {
  func assigned(_ partitions: [TopicPartition]) -> [StartPosition]? { nil }
  func revoked(_ partitions: [TopicPartition]) {}
  func lost(_ partitions: [TopicPartition]) {}
}

/// One lane's share: runs of random length from its partitions, ends of partition included.
private final class RecordedLane: RecordSource, @unchecked Sendable {
  // @unchecked because positions are behind a Monitor and the rest is the lane's own.
  private struct Position: Sendable {
    var next: Int64
    var saidEnd = false
    var isPaused = false
  }

  let partitions: [TopicPartition]
  private let topics: RecordedTopics
  private let positions = Monitor<[TopicPartition: Position]>([:])
  private let bytes = BatchBytes()
  private var headers: [String?] = []
  private var random: SplitMix64

  init(_ topics: RecordedTopics, seed: UInt64) {
    self.topics = topics
    partitions = topics.names
    random = SplitMix64(seed: seed)
  }

  func holds(_ partition: TopicPartition) -> Bool { positions.update { $0[partition] != nil } }

  func move(_ partition: TopicPartition, to offset: Int64) {
    positions.update { $0[partition] = Position(next: offset) }
  }

  /// A pause throws away what was fetched ahead: records between are not lost, but come again only
  /// when somebody seeks.
  func setPaused(_ partitions: [TopicPartition], _ isPaused: Bool) {
    positions.update { positions in
      for partition in partitions { positions[partition]?.isPaused = isPaused }
    }
  }

  func drain(into batch: inout RecordBatch, countMax: Int, timeoutMillis: Int32) {
    bytes.takeAway()
    batch.removeAll()
    headers = []
    for (index, partition) in partitions.enumerated().shuffled(using: &random) {
      take(partition, index, Int64.random(in: 0..<30, using: &random), &batch)
    }
    if batch.count == 0 { _ = Monitor(0).wait(timeoutMillis: 1) { _ -> Bool? in nil } }
  }

  private func take(
    _ partition: TopicPartition, _ index: Int, _ count: Int64, _ batch: inout RecordBatch
  ) {
    let records = topics.partitions[partition] ?? []
    let end = Int64(records.count)
    let (range, saysEnd) = positions.update { positions -> (Range<Int64>, Bool) in
      guard var position = positions[partition], !position.isPaused else { return (0..<0, false) }
      let range = position.next..<min(end, position.next + count)
      let saysEnd = range.upperBound == end && !position.saidEnd
      position.next = range.upperBound
      position.saidEnd = position.saidEnd || saysEnd
      positions[partition] = position
      return (range, saysEnd)
    }
    for offset in range where !records[Int(offset)].isUndelivered {
      bytes.append(records[Int(offset)], partitionIndex: index, offset: offset, to: &batch)
      headers.append(records[Int(offset)].headersJSON)
    }
    if saysEnd {
      bytes.append(.endOfPartition, partitionIndex: index, offset: end, to: &batch)
      headers.append(nil)
    }
  }

  func headersJSON(at index: Int) -> String? { headers[index] }
}
