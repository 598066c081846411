import Base
import Kafka
import Telemetry
import Testing

struct KafkaProducerTests {
  @Test func `a full queue is waited for, and gives up in the end`() async throws {
    let cluster = try TestCluster(partitionCount: 1)
    let producer = try cluster.producer([("queue.buffering.max.messages", "50")])
    defer { producer.close() }
    for number in 0..<500 {
      try producer.produce(
        topic: cluster.topic, partition: 0, value: Array("\(number)".utf8),
        headers: [("n", [UInt8(truncatingIfNeeded: number)])])
    }
    #expect(producer.flush(timeoutMillis: 5000))
    #expect(producer.producedCount == 500 && producer.failedCount == 0)

    try cluster.mock.setDown(broker: nil)
    let error = try #require(throws: KafkaError.self) {
      for _ in 0..<500 {
        try producer.produce(
          topic: cluster.topic, partition: 0, value: [1], headers: [("n", [1])],
          timeoutMillis: 50)
      }
    }
    #expect(error.code == .queueFull && error.isRetriable)
    #expect(!producer.flush(timeoutMillis: 20))
  }

  @Test func `records that cannot be delivered are counted`() async throws {
    let cluster = try TestCluster(partitionCount: 1)
    let producer = try cluster.producer([("message.timeout.ms", "300"), ("linger.ms", "0")])
    defer { producer.close() }
    try cluster.mock.setDown(broker: nil)
    for _ in 0..<5 { try producer.produce(topic: cluster.topic, partition: 0, value: [1]) }
    #expect(producer.flush(timeoutMillis: 10_000))
    #expect(producer.failedCount == 5)
    #expect(producer.firstFailure?.code == .recordTimedOut)
  }

  @Test func `a partition that does not exist is refused`() async throws {
    let cluster = try TestCluster(partitionCount: 1)
    let producer = try cluster.producer()
    defer { producer.close() }
    try producer.produce(topic: cluster.topic, partition: 0, value: [1])
    #expect(producer.flush(timeoutMillis: 5000))
    #expect(throws: KafkaError.self) {
      try producer.produce(topic: cluster.topic, partition: 9, value: [1])
    }
  }

  @Test func `keys go to the partitions the Java client would choose`() async throws {
    // murmur2 of the key, sign bit cleared, modulo 10; values from Kafka's UtilsTest.testMurmur2.
    let hashes: [(String, Int32)] = [
      ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
      ("a-little-bit-longer-string", -1_486_304_829),
      ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
    ]
    let cluster = try TestCluster(partitionCount: 10)
    let producer = try cluster.producer()
    for (key, _) in hashes {
      try producer.produce(topic: cluster.topic, key: Array(key.utf8), value: [1])
    }
    #expect(producer.flush(timeoutMillis: 5000))
    producer.close()
    let member = try TestMember(cluster.options(), topics: [cluster.topic])
    defer { member.consumer.close() }
    var partitions: [String: Int32] = [:]
    try await wait("not all records came") {
      for record in member.step() {
        if let key = record.key { partitions[key] = record.partition.partition }
      }
      return partitions.count == hashes.count
    }
    for (key, hash) in hashes {
      #expect(partitions[key] == (hash & Int32.max) % 10, "\(key)")
    }
  }
}
