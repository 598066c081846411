import Base
import Kafka
import Telemetry
import Testing

/// The newest records of a topic, read without a group.
struct TailTests {
  private func newest(
    _ cluster: TestCluster, partitionCount: Int32, _ limits: TailLimits
  ) throws -> [TailRecord] {
    let delegate = RecordingDelegate()
    let consumer = try KafkaConsumer(cluster.options(), rebalance: delegate)
    defer { consumer.close() }
    let partitions = (0..<partitionCount).map { cluster.partition($0) }
    let ranges = try consumer.offsetRanges(partitions, timeoutMillis: 10_000)
    let found = try consumer.newestRecords(in: ranges, limits: limits)
    #expect(delegate.assignedPartitions.isEmpty)
    return found
  }

  private static let patient = TailLimits(
    recordCountMax: 100, byteCountMax: 1 << 20, timeoutMillis: 20_000)

  @Test
  func `the newest are read, in order, and what one partition lacks from the others`() throws {
    let cluster = try TestCluster(partitionCount: 3)
    try cluster.fill(0..<1, count: 500)
    try cluster.fill(1..<2, count: 10)
    let found = try newest(cluster, partitionCount: 3, Self.patient)
    let first = found.filter { $0.partition == cluster.partition(0) }.map(\.header.offset)
    let second = found.filter { $0.partition == cluster.partition(1) }.map(\.header.offset)
    #expect(first == Array(410..<500))
    #expect(second == Array(0..<10))
    #expect(found.first?.payload == Array("410".utf8))
    #expect(found.allSatisfy { $0.key == nil && $0.headers.isEmpty })
  }

  @Test
  func `a quiet, short or empty topic is answered at once`() throws {
    let cluster = try TestCluster(partitionCount: 2)
    #expect(try newest(cluster, partitionCount: 2, Self.patient).isEmpty)
    try cluster.fill(1..<2, count: 3)
    let start = MonotonicClock.nowNanos()
    #expect(try newest(cluster, partitionCount: 2, Self.patient).count == 3)
    #expect(MonotonicClock.nowNanos() - start < 15_000_000_000)
  }

  @Test
  func `bytes are bounded too`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    try cluster.fill(0..<1, count: 200)
    let limits = TailLimits(recordCountMax: 150, byteCountMax: 30, timeoutMillis: 20_000)
    let found = try newest(cluster, partitionCount: 1, limits)
    #expect(found.count == 15)
  }

  @Test
  func `shares are even as far as there is something`() {
    #expect(TailShares.shares(of: 10, available: [100, 100]) == [5, 5])
    #expect(TailShares.shares(of: 10, available: [100, 2, 0]) == [8, 2, 0])
    #expect(TailShares.shares(of: 10, available: [1, 2]) == [1, 2])
    #expect(TailShares.shares(of: 2, available: [9, 9, 9]) == [1, 1, 0])
    #expect(TailShares.shares(of: 0, available: [9]) == [0])
    #expect(TailShares.shares(of: 5, available: []) == [])
  }
}
