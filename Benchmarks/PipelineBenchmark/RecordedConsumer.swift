import Base
import Kafka
import Pipeline
import Telemetry

/// A consumer over a `RecordedTopic`: everything after the fetch is the real pipeline.
final class RecordedConsumer: GroupConsumer, @unchecked Sendable {
  // @unchecked because control calls come from the control thread and each lane's records from
  // the lane's; the hand-over between them goes through the lane's command queue.

  private let topic: RecordedTopic
  private let lanes: [RecordedLane]
  private let delegate: any RebalanceDelegate
  private var hasAssigned = false

  init(topic: RecordedTopic, laneCount: Int, delegate: any RebalanceDelegate) {
    self.topic = topic
    self.delegate = delegate
    lanes = (0..<laneCount).map { _ in RecordedLane(topic) }
  }

  private var all: [TopicPartition] {
    topic.partitions.indices.map { TopicPartition(topic: topic.name, partition: Int32($0)) }
  }

  func subscribe(_ topics: [String]) throws(KafkaError) {}

  func poll(timeoutMillis: Int32) -> [ConsumerEvent] {
    if !hasAssigned {
      hasAssigned = true
      for start in delegate.assigned(all) ?? [] {
        lanes[start.lane].assign(start.partition, at: start.offset)
      }
    } else {
      // Nothing happens on the control side: wait as a real poll would.
      _ = Monitor(0).wait(timeoutMillis: Int(timeoutMillis)) { _ -> Bool? in nil }
    }
    return []
  }

  func records(ofLane index: Int) -> any RecordSource { lanes[index] }

  func partitionCounts(
    _ topics: [String], timeoutMillis: Int32
  ) throws(KafkaError) -> [String: Int] {
    [topic.name: topic.partitions.count]
  }

  func offsetRanges(
    _ partitions: [TopicPartition], timeoutMillis: Int32
  ) throws(KafkaError) -> [TopicPartition: OffsetRange] {
    var ranges: [TopicPartition: OffsetRange] = [:]
    for partition in partitions {
      let end = topic.partitions[Int(partition.partition)].recordCount
      ranges[partition] = OffsetRange(beginning: 0, end: Int64(end))
    }
    return ranges
  }

  func endOffsets(
    _ partitions: [TopicPartition], timeoutMillis: Int32
  ) throws(KafkaError) -> [TopicPartition: Int64] {
    try offsetRanges(partitions, timeoutMillis: timeoutMillis).mapValues(\.end)
  }

  func clusterID(timeoutMillis: Int32) -> String? { "recorded" }

  func commitGroupOffsets(
    _ positions: [(partition: TopicPartition, nextOffset: Int64)]
  ) throws(KafkaError) {}

  func seek(
    _ partition: TopicPartition, to offset: Int64, timeoutMillis: Int32
  ) throws(KafkaError) {
    for lane in lanes { lane.move(partition, to: offset) }
  }

  /// The benchmark's sources have no flood rule.
  func pause(_ partitions: [TopicPartition]) throws(KafkaError) {}

  func resume(_ partitions: [TopicPartition]) throws(KafkaError) {}

  func leaveGroup(timeoutMillis: Int) -> (events: [ConsumerEvent], isClean: Bool) {
    if hasAssigned { delegate.revoked(all) }
    return ([], true)
  }

  func close(timeoutMillis: Int) {}
}

/// One lane's share: drains its partitions in turn, a fetch's worth at a time.
final class RecordedLane: RecordSource, @unchecked Sendable {
  // @unchecked because the positions are behind a Monitor and the rest is the lane's own.

  /// Records of one partition in a row, as a fetch answer brings them.
  private static let runCount = 1000

  let partitions: [TopicPartition]
  private let topic: RecordedTopic
  private let positions = Monitor<[(partition: Int, next: Int)]>([])
  private var turn = 0

  init(_ topic: RecordedTopic) {
    self.topic = topic
    partitions = topic.partitions.indices.map {
      TopicPartition(topic: topic.name, partition: Int32($0))
    }
  }

  func assign(_ partition: TopicPartition, at offset: Int64) {
    positions.update { $0.append((Int(partition.partition), Int(offset))) }
  }

  func move(_ partition: TopicPartition, to offset: Int64) {
    positions.update { positions in
      for index in positions.indices where positions[index].partition == partition.partition {
        positions[index].next = Int(offset)
      }
    }
  }

  func drain(into batch: inout RecordBatch, countMax: Int, timeoutMillis: Int32) {
    batch.removeAll()
    let runs = positions.update { positions -> [(partition: Int, range: Range<Int>)] in
      var runs: [(partition: Int, range: Range<Int>)] = []
      var room = countMax
      for _ in positions.indices where room > 0 {
        turn = (turn + 1) % positions.count
        let (partition, next) = positions[turn]
        let count = min(Self.runCount, room, topic.partitions[partition].recordCount - next)
        if count == 0 { continue }
        positions[turn].next += count
        runs.append((partition, next..<next + count))
        room -= count
      }
      return runs
    }
    if runs.isEmpty { _ = Monitor(0).wait(timeoutMillis: 5) { _ -> Bool? in nil } }
    for run in runs { append(run.range, of: run.partition, to: &batch) }
  }

  private func append(_ range: Range<Int>, of partition: Int, to batch: inout RecordBatch) {
    let records = topic.partitions[partition]
    // The topic outlives every batch, and its arrays never change: the views stay valid.
    unsafe records.payloads.withUnsafeBytes { payloads in
      unsafe records.keys.withUnsafeBytes { keys in
        for index in range {
          let header = RecordHeader(
            kind: .record, partitionIndex: Int32(partition), offset: Int64(index),
            timestampMicros: records.timestampsMicros[index], hasAppendTime: false)
          unsafe batch.append(
            header,
            key: UnsafeRawBufferPointer(
              rebasing: keys[records.keyStarts[index]..<records.keyStarts[index + 1]]),
            payload: UnsafeRawBufferPointer(
              rebasing: payloads[records.payloadStarts[index]..<records.payloadStarts[index + 1]]))
        }
      }
    }
  }

  func headersJSON(at index: Int) -> String? { nil }
}
