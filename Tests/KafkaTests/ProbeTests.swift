import Base
import Kafka
import Telemetry
import Testing

/// Single records, looked at without joining a group.
struct ProbeTests {
  @Test
  func `each partition's first record at or behind its offset is found, in no group`() throws {
    let cluster = try TestCluster(partitionCount: 3)
    try cluster.fill(0..<2, count: 100)
    let delegate = RecordingDelegate()
    let consumer = try KafkaConsumer(cluster.options(), rebalance: delegate)
    defer { consumer.close() }
    let found = try consumer.firstRecords(
      at: [cluster.partition(0): 40, cluster.partition(1): 0, cluster.partition(2): 0],
      timeoutMillis: 10_000)
    #expect(found[cluster.partition(0)]?.offset == 40)
    #expect(found[cluster.partition(0)]?.payload == Array("40".utf8))
    #expect(found[cluster.partition(0)]?.key == nil)
    #expect(found[cluster.partition(1)]?.offset == 0)
    #expect(found[cluster.partition(2)] == nil, "it is empty")
    #expect(delegate.assignedPartitions.isEmpty)
    // Once more: nothing is left over from the first look.
    let again = try consumer.firstRecords(at: [cluster.partition(0): 99], timeoutMillis: 10_000)
    #expect(again.mapValues(\.offset) == [cluster.partition(0): 99])
    #expect(try consumer.firstRecords(at: [:], timeoutMillis: 0).isEmpty)
  }

  @Test
  func `an offset beyond the end is answered with nothing, in time`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    try cluster.fill(0..<1, count: 10)
    let consumer = try KafkaConsumer(cluster.options(), rebalance: RecordingDelegate())
    defer { consumer.close() }
    let found = try consumer.firstRecords(at: [cluster.partition(0): 50], timeoutMillis: 3_000)
    #expect(found.isEmpty)
  }
}
