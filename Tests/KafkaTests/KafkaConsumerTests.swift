import Base
import Kafka
import Telemetry
import Testing

struct KafkaConsumerTests {
  @Test
  func `records come from the given offset, in order, each once, with their bytes`() async throws {
    let cluster = try TestCluster(partitionCount: 2)
    try cluster.fill(0..<2, count: 100)
    let member = try TestMember(cluster.options(laneCount: 2), topics: [cluster.topic])
    defer { member.consumer.close() }
    member.delegate.starts = [cluster.partition(0): 40]
    let consumer = member.consumer
    var ranges: [TopicPartition: OffsetRange] = [:]
    member.delegate.onAssigned = { partitions in
      ranges = (try? consumer.offsetRanges(partitions, timeoutMillis: 5000)) ?? [:]
    }
    var lanes: [[TakenRecord]] = [[], []]
    try await wait("not all records came") {
      member.poll()
      for lane in 0..<2 { lanes[lane] += member.drain(lane: lane) }
      return lanes.allSatisfy { $0.last?.kind == .endOfPartition }
    }
    for (lane, start) in [(0, 40), (1, 0)] {
      let records = lanes[lane].filter { $0.kind == .record }
      #expect(records.map(\.offset) == Array(Int64(start)..<100))
      #expect(records.map(\.value) == (start..<100).map { "\($0)" })
      #expect(records.allSatisfy { $0.partition == cluster.partition(Int32(lane)) })
      #expect(lanes[lane].last?.offset == 100, "the end of a partition carries the end offset")
    }
    #expect(member.delegate.assignedPartitions.sorted() == (0..<2).map { cluster.partition($0) })
    #expect(
      ranges[cluster.partition(1)]?.end == 100, "positions can be asked for while assigning")
    #expect(member.errors.isEmpty)
  }

  @Test
  func `tombstones, empty values, absent keys, headers and times arrive as sent`() async throws {
    let cluster = try TestCluster(partitionCount: 1)
    let producer = try cluster.producer()
    defer { producer.close() }
    let topic = cluster.topic
    try producer.produce(topic: topic, partition: 0, key: Array("k".utf8), value: nil)
    try producer.produce(topic: topic, partition: 0, key: nil, value: [])
    try producer.produce(topic: topic, partition: 0, key: [], value: Array("v".utf8))
    try producer.produce(
      topic: topic, partition: 0, value: Array("h".utf8), timestampMillis: 1_700_000_000_123,
      headers: [("trace", [1, 2]), ("none", nil), ("empty", []), ("trace", [0xFF])])
    #expect(producer.flush(timeoutMillis: 5000))

    let member = try TestMember(cluster.options(), topics: [topic])
    defer { member.consumer.close() }
    var records: [TakenRecord] = []
    try await wait("four records did not come") {
      records += member.step().filter { $0.kind == .record }
      return records.count >= 4
    }
    #expect(records.map(\.key) == ["k", nil, "", nil])
    #expect(records.map(\.value) == [nil, "", "v", "h"])
    #expect(records[3].timestampMicros == 1_700_000_000_123_000)
    #expect(
      records.map(\.headersJSON) == [
        nil, nil, nil,
        #"[{"key":"trace","value":"AQI="},{"key":"none","value":null},"#
          + #"{"key":"empty","value":""},{"key":"trace","value":"/w=="}]"#,
      ])
  }

  @Test func `a position below what Kafka keeps is reported, never reset`() async throws {
    let cluster = try TestCluster(partitionCount: 1)
    // More than the mock keeps (5 MiB), so that the beginning moves like with retention.
    let producer = try cluster.producer([("batch.size", "100000")])
    defer { producer.close() }
    for _ in 0..<900 {
      try producer.produce(
        topic: cluster.topic, partition: 0, value: [UInt8](repeating: 7, count: 10_000))
    }
    #expect(producer.flush(timeoutMillis: 10_000))
    let member = try TestMember(cluster.options(), topics: [cluster.topic])
    defer { member.consumer.close() }
    var records: [TakenRecord] = []
    try await wait("the lost position was not reported") {
      records += member.step()
      return !records.isEmpty
    }
    #expect(records.map(\.kind) == [.positionLost])
    #expect(records.first?.offset == 0)
    let range = try member.consumer.offsetRange(cluster.partition(0), timeoutMillis: 5000)
    #expect(range.beginning > 0 && range.end == 900)
    try await keep(doing: { records += member.step() }, forMillis: 300)
    #expect(records.count == 1, "nothing may be delivered from a position nobody chose")
  }

  @Test func `a position beyond the end is reported`() async throws {
    let cluster = try TestCluster(partitionCount: 1)
    try cluster.fill(0..<1, count: 10)
    let member = try TestMember(cluster.options(), topics: [cluster.topic])
    defer { member.consumer.close() }
    member.delegate.starts = [cluster.partition(0): 500]
    var records: [TakenRecord] = []
    try await wait("the lost position was not reported") {
      records += member.step()
      return !records.isEmpty
    }
    #expect(records.map(\.kind) == [.positionLost])
    #expect(records.first?.offset == 500)
    let error = try #require(throws: KafkaError.self) {
      try member.consumer.seek(cluster.partition(0), to: 3)
    }
    #expect(error.code == .wrongState, "a lost position needs a new assignment")
  }

  @Test func `seek gives the records again and nothing from before it`() async throws {
    let cluster = try TestCluster(partitionCount: 1)
    try cluster.fill(0..<1, count: 1000)
    let member = try TestMember(cluster.options(), topics: [cluster.topic])
    defer { member.consumer.close() }
    var first: [TakenRecord] = []
    try await wait("nothing came") {
      member.poll()
      first += member.drain(countMax: 10)
      return first.count >= 10
    }
    try member.consumer.seek(cluster.partition(0), to: 5)
    var second: [TakenRecord] = []
    try await wait("nothing came after seek") {
      second += member.step()
      return second.last?.kind == .endOfPartition
    }
    #expect(second.filter { $0.kind == .record }.map(\.offset) == Array(5..<1000))
  }

  @Test func `seek of a partition that is not held fails with its name`() async throws {
    let cluster = try TestCluster(partitionCount: 1)
    let member = try TestMember(cluster.options(), topics: [cluster.topic])
    defer { member.consumer.close() }
    let stranger = TopicPartition(topic: "other", partition: 3)
    let error = try #require(throws: KafkaError.self) {
      try member.consumer.seek(stranger, to: 1)
    }
    #expect(error.code == .unknownPartition)
    #expect(error.operation.contains("other[3]"))
  }

  @Test func `pause keeps records away and resume goes on without a gap`() async throws {
    let cluster = try TestCluster(partitionCount: 1)
    try cluster.fill(0..<1, count: 5000)
    let member = try TestMember(cluster.options(), topics: [cluster.topic])
    defer { member.consumer.close() }
    var offsets: [Int64] = []
    for _ in 0..<8 {
      let target = offsets.count + 500
      try await wait("records stopped coming") {
        member.poll()
        offsets += member.drain(countMax: 100)
          .filter { $0.kind == .record }.map(\.offset)
        return offsets.count >= target
      }
      try member.consumer.pause([cluster.partition(0)])
      #expect(member.drain(timeoutMillis: 30).isEmpty, "a paused partition delivers nothing")
      try member.consumer.resume([cluster.partition(0)])
    }
    try await wait("the rest did not come") {
      offsets += member.step().filter { $0.kind == .record }.map(\.offset)
      return offsets.count >= 5000
    }
    #expect(offsets == Array(0..<5000))
  }

  /// On librdkafka 2.0.2 a fetcher that found its queue full sleeps a second: 40 s for this test.
  @Test func `small queues do not stall the fetchers`() async throws {
    let cluster = try TestCluster(partitionCount: 2)
    // Small batches, because the mock answers a fetch with one batch a partition.
    try cluster.fill(0..<2, count: 10_000, [("batch.num.messages", "100")])
    var options = cluster.options()
    options.queueMessageCountMax = 500
    let member = try TestMember(options, topics: [cluster.topic])
    defer { member.consumer.close() }
    var count = 0
    try await wait("nothing came") {
      member.poll()
      return member.consumer.lane(0).queuedCount > 0
    }
    let started = MonotonicClock.nowNanos()
    try await wait("not all records came") {
      member.poll()
      count += member.drain().count { $0.kind == .record }
      return count == 20_000
    }
    #expect(MonotonicClock.nowNanos() - started < 8_000_000_000)
  }

  @Test func `partition counts, offset ranges and the cluster id are told`() async throws {
    let cluster = try TestCluster(partitionCount: 5, brokerCount: 2)
    try cluster.fill(1..<3, count: 7)
    let member = try TestMember(cluster.options(), topics: [cluster.topic])
    defer { member.consumer.close() }
    let consumer = member.consumer
    #expect(try consumer.partitionCounts([cluster.topic], timeoutMillis: 5000) == ["telemetry": 5])
    let partitions = (0..<5).map { cluster.partition($0) }
    let ranges = try consumer.offsetRanges(partitions, timeoutMillis: 5000)
    #expect(partitions.map { ranges[$0]?.end } == [0, 7, 7, 0, 0])
    #expect(partitions.allSatisfy { ranges[$0]?.beginning == 0 })
    #expect(consumer.clusterID(timeoutMillis: 5000)?.isEmpty == false)
  }

  @Test func `ends are told where there is a leader, also beside a partition without one`()
    throws
  {
    let cluster = try TestCluster(partitionCount: 3)
    try cluster.fill(1..<3, count: 7)
    let member = try TestMember(cluster.options(), topics: [cluster.topic])
    defer { member.consumer.close() }
    let consumer = member.consumer
    let partitions = (0..<3).map { cluster.partition($0) }
    #expect(
      try consumer.endOffsets(partitions, timeoutMillis: 5000)
        == [partitions[0]: 0, partitions[1]: 7, partitions[2]: 7])
    #expect(try consumer.endOffsets([], timeoutMillis: 5000) == [:])
    try cluster.mock.setLeader(cluster.topic, partition: 0, broker: nil)
    let beside = try? consumer.endOffsets(partitions, timeoutMillis: 1000)
    #expect(beside?[partitions[0]] == nil)
    #expect(
      try consumer.endOffsets([partitions[1]], timeoutMillis: 5000) == [partitions[1]: 7])
  }

  // The mock sends a topic's partitions along with its error, which no broker does; the client of
  // 2.8.0 crashes on that (rd_kafka_topic_metadata_update).
  @Test(.enabled(if: LibraryVersion.number < 0x0208_0000))
  func `a topic that may not be read is an error with its name`() async throws {
    let cluster = try TestCluster(partitionCount: 1)
    cluster.mock.setTopicError(cluster.topic, .topicAuthorizationFailed)
    let member = try TestMember(cluster.options(), topics: [cluster.topic])
    defer { member.consumer.close() }
    let error = try #require(throws: KafkaError.self) {
      try member.consumer.partitionCounts([cluster.topic], timeoutMillis: 2000)
    }
    #expect(error.code == .topicAuthorizationFailed)
    #expect(error.description.contains("telemetry"))
    #expect(!error.isRetriable && !error.isFatal)
  }

  @Test func `statistics name every held partition with its lag`() async throws {
    let cluster = try TestCluster(partitionCount: 2)
    try cluster.fill(0..<1, count: 50)
    var options = cluster.options()
    options.statisticsIntervalMillis = 100
    let member = try TestMember(options, topics: [cluster.topic])
    defer { member.consumer.close() }
    var records: [TakenRecord] = []
    func newest() -> ConsumerStatistics? {
      member.events.reversed().lazy.compactMap {
        if case .statistics(let statistics) = $0 { statistics } else { nil }
      }.first
    }
    try await wait("no statistics of a drained partition came") {
      records += member.step()
      return newest()?.partitions.first?.lag == 0
    }
    let statistics = try #require(newest())
    try #require(
      statistics.partitions.map(\.partition) == (0..<2).map { cluster.partition($0) })
    #expect(statistics.partitions[0].endOffset == 50)
    #expect(statistics.partitions[0].nextOffset == 50)
    #expect(statistics.partitions[0].beginningOffset == 0)
    #expect(statistics.brokers.contains { $0.state == "UP" })
    #expect(statistics.receivedRecordCount >= 50 && statistics.receivedByteCount > 0)
    #expect(statistics.groupState == "up" && statistics.joinState == "steady")
    #expect(statistics.assignedPartitionCount == 2)
  }

  @Test func `group offsets are committed without a failure event`() async throws {
    let cluster = try TestCluster(partitionCount: 1)
    try cluster.fill(0..<1, count: 10)
    let member = try TestMember(cluster.options(), topics: [cluster.topic])
    defer { member.consumer.close() }
    try await wait("nothing came") { !member.step().isEmpty }
    try member.consumer.commitGroupOffsets([(cluster.partition(0), 10)])
    try await keep(doing: { _ = member.step() }, forMillis: 300)
    #expect(member.errors.isEmpty)
  }

  @Test func `a failed commit of group offsets is an event`() async throws {
    let cluster = try TestCluster(partitionCount: 1)
    try cluster.fill(0..<1, count: 10)
    let member = try TestMember(cluster.options(), topics: [cluster.topic])
    defer { member.consumer.close() }
    try await wait("nothing came") { !member.step().isEmpty }
    cluster.mock.pushErrors(.offsetCommit, [.topicAuthorizationFailed])
    try member.consumer.commitGroupOffsets([(cluster.partition(0), 10)])
    try await wait("the failure was not reported") {
      _ = member.step()
      return member.events.contains {
        if case .groupOffsetsNotCommitted(let error) = $0 {
          error.code == .topicAuthorizationFailed
        } else {
          false
        }
      }
    }
  }

  @Test
  func `brokers out of reach are a retriable event, and reading goes on afterwards`() async throws {
    let cluster = try TestCluster(partitionCount: 1)
    try cluster.fill(0..<1, count: 10)
    let member = try TestMember(cluster.options(), topics: [cluster.topic])
    defer { member.consumer.close() }
    try await wait("nothing came") { !member.step().isEmpty }
    try cluster.mock.setDown(broker: nil)
    try await wait("the fault was not reported") {
      _ = member.step()
      return member.errors.contains { $0.code == .allBrokersDown && $0.isRetriable }
    }
    try cluster.mock.setUp(broker: nil)
    try cluster.fill(0..<1, count: 1, from: 10)
    try await wait("reading did not go on") { member.step().contains { $0.value == "10" } }
  }

  @Test func `the library's log lines go to the given closure`() async throws {
    let cluster = try TestCluster(partitionCount: 1)
    let lines = Monitor([(level: Int, facility: String, text: String)]())
    var options = cluster.options()
    options.properties.append(("debug", "generic"))
    options.log = { level, facility, text in lines.update { $0.append((level, facility, text)) } }
    let member = try TestMember(options, topics: [cluster.topic])
    defer { member.consumer.close() }
    try await wait("no line came") {
      lines.update { $0.contains { $0.facility == "INIT" && $0.level == 7 && !$0.text.isEmpty } }
    }
  }

  @Test func `interrupt ends a waiting drain`() async throws {
    let cluster = try TestCluster(partitionCount: 1)
    let member = try TestMember(cluster.options(), topics: [cluster.topic])
    defer { member.consumer.close() }
    let lane = member.consumer.lane(0)
    let started = MonotonicClock.nowNanos()
    let other = WorkerThread(name: "interrupter") {
      let deadlineNanos = MonotonicClock.nowNanos() + 100_000_000
      while MonotonicClock.nowNanos() < deadlineNanos {}
      lane.interrupt()
    }
    _ = member.drain(timeoutMillis: 20_000)
    other.join()
    #expect(MonotonicClock.nowNanos() - started < 5_000_000_000)
  }

  @Test func `a consumer that is let go unclosed is a bug`() async {
    await #expect(processExitsWith: .failure) {
      _ = try KafkaConsumer(
        KafkaConsumer.Options(brokers: "localhost:1", group: "g", clientID: "c"),
        rebalance: RecordingDelegate())
    }
  }
}
