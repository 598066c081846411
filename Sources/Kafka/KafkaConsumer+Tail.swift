internal import Base
internal import CRdkafka
package import Telemetry

/// One record of a tail, copied out of the client.
package struct TailRecord: Sendable {
  package let partition: TopicPartition
  package let header: RecordHeader
  package let key: [UInt8]?
  /// Nil for a tombstone.
  package let payload: [UInt8]?
  /// Names and values in the record's order; a value may be null.
  package let headers: [RecordHeaderField]
}

/// One Kafka header of a record.
package struct RecordHeaderField: Equatable, Sendable {
  package let name: String
  package let value: [UInt8]?

  package init(name: String, value: [UInt8]?) {
    self.name = name
    self.value = value
  }
}

/// What bounds the reading of a tail.
package struct TailLimits: Sendable {
  /// Records over all partitions.
  package var recordCountMax: Int
  /// Bytes of keys, values and headers.
  package var byteCountMax: Int
  /// For everything together; when it is over, what has come is the answer.
  package var timeoutMillis: Int

  package init(recordCountMax: Int, byteCountMax: Int, timeoutMillis: Int) {
    self.recordCountMax = recordCountMax
    self.byteCountMax = byteCountMax
    self.timeoutMillis = timeoutMillis
  }
}

/// How a number of records is taken from the ends of partitions.
package enum TailShares {
  /// How many offsets before each end are to be read: `wanted` in all, even shares, and what one
  /// partition does not have is taken from the others. In the order of `available`.
  package static func shares(of wanted: Int, available: [Int64]) -> [Int64] {
    var shares = available.map { _ in Int64(0) }
    var missing = Int64(wanted)
    while missing > 0 {
      let open = available.indices.filter { shares[$0] < available[$0] }
      if open.isEmpty { break }
      let each = max(1, missing / Int64(open.count))
      for index in open where missing > 0 {
        let more = min(each, available[index] - shares[index], missing)
        shares[index] += more
        missing -= more
      }
    }
    return shares
  }
}

extension KafkaConsumer {
  /// The newest records of some partitions, as they stand now, by partition and offset: partitions
  /// are assigned directly, no group is joined and nothing is committed.
  ///
  /// For a consumer that is used for nothing else: it must not have subscribed. Where offsets are
  /// missing (compaction, transactions) it looks further back, a few times.
  ///
  /// - Parameter ranges: what the partitions hold (`offsetRanges`); nothing beyond is waited for.
  package func newestRecords(
    in ranges: [TopicPartition: OffsetRange], limits: TailLimits
  ) throws(KafkaError) -> [TailRecord] {
    let partitions = ranges.keys.sorted()
    var tail = Tail(limits)
    var ends = partitions.map { ranges[$0]?.end ?? 0 }
    for round in 0..<Self.tailRoundCountMax where !tail.isFull {
      let available = zip(partitions, ends).map { $1 - (ranges[$0]?.beginning ?? 0) }
      let wanted = limits.recordCountMax - tail.records.count
      let shares = TailShares.shares(of: wanted << (2 * round), available: available)
      var stretches: [TopicPartition: Range<Int64>] = [:]
      for (index, partition) in partitions.enumerated() where shares[index] > 0 {
        stretches[partition] = (ends[index] - shares[index])..<ends[index]
        ends[index] -= shares[index]
      }
      if stretches.isEmpty { break }
      try read(stretches, into: &tail)
    }
    return tail.sortedRecords
  }

  /// Each round looks at four times as many offsets as records are missing.
  private static let tailRoundCountMax = 8

  private func read(
    _ stretches: [TopicPartition: Range<Int64>], into tail: inout Tail
  ) throws(KafkaError) {
    let starts = stretches.sorted { $0.key < $1.key }.filter {
      forward(StartPosition(partition: $0.key, offset: $0.value.lowerBound, lane: 0))
    }
    let list = PartitionListHandle(
      starts.map { (partition: $0.key, offset: $0.value.lowerBound) })
    try check(unsafe rd_kafka_assign(openClient.raw, list.raw), "read the newest records")
    var pending = Set(starts.map(\.key))
    var batch = RecordBatch()
    while !pending.isEmpty, !tail.isFull {
      lane(0).drain(into: &batch, countMax: 1000, timeoutMillis: 50)
      for index in 0..<batch.count {
        let header = batch.headers[index]
        let partition = lane(0).partitions[Int(header.partitionIndex)]
        guard let stretch = stretches[partition], pending.contains(partition) else { continue }
        switch header.kind {
        case .positionLost: pending.remove(partition)
        case .endOfPartition:
          if header.offset >= stretch.lowerBound { pending.remove(partition) }
        case .record:
          if stretch.contains(header.offset) {
            tail.append(
              TailRecord(
                partition: partition, header: header, key: Self.copy(batch.key(at: index)),
                payload: Self.copy(batch.payload(at: index)),
                headers: lane(0).headers(at: index)))
          }
          if header.offset >= stretch.upperBound - 1 { pending.remove(partition) }
        }
      }
      _ = lane(0).takeFaults()
    }
    try check(unsafe rd_kafka_assign(openClient.raw, nil), "let go of the newest records")
  }
}

/// Records of a tail while it is read.
private struct Tail {
  private let limits: TailLimits
  private let deadlineNanos: Int64
  private(set) var records: [TailRecord] = []
  private var byteCount = 0
  /// Records may come twice after a retry.
  private var known: Set<Place> = []

  private struct Place: Hashable {
    let partition: TopicPartition
    let offset: Int64
  }

  init(_ limits: TailLimits) {
    self.limits = limits
    deadlineNanos = MonotonicClock.nowNanos() + Int64(limits.timeoutMillis) * 1_000_000
  }

  var isFull: Bool {
    records.count >= limits.recordCountMax || byteCount >= limits.byteCountMax
      || MonotonicClock.nowNanos() >= deadlineNanos
  }

  mutating func append(_ record: TailRecord) {
    guard records.count < limits.recordCountMax, byteCount < limits.byteCountMax,
      known.insert(Place(partition: record.partition, offset: record.header.offset)).inserted
    else { return }
    byteCount += (record.key?.count ?? 0) + (record.payload?.count ?? 0)
    for header in record.headers {
      byteCount += header.name.utf8.count + (header.value?.count ?? 0)
    }
    records.append(record)
  }

  var sortedRecords: [TailRecord] {
    records.sorted {
      ($0.partition, $0.header.offset) < ($1.partition, $1.header.offset)
    }
  }
}
