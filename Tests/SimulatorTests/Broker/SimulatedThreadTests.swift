import Base
import Kafka
import Pipeline
import Telemetry
import Testing

@testable import Simulator

/// The same with real threads and the real clock: waiting ends when something comes.
struct SimulatedThreadTests {
  @Test func `lanes that wait get what is produced, from another thread`() throws {
    let cluster = SimulatedCluster(
      seed: 1, timing: BrokerTiming(heartbeatMillis: 20, rebalanceMillis: 20),
      tally: FaultTally())
    cluster.createTopic("t", partitionCount: 2)
    let delegate = DrivenDelegate(laneCount: 2)
    let consumer = try cluster.connect(process: 1, laneCount: 2, delegate: delegate)
    try consumer.subscribe(["t"])
    let deadlineNanos = MonotonicClock.nowNanos() + 10_000_000_000
    while delegate.held.count < 2, MonotonicClock.nowNanos() < deadlineNanos {
      _ = consumer.poll(timeoutMillis: 50)
    }
    let counts = Monitor<[Int]>([0, 0])
    let lanes = (0..<2).map { lane in
      WorkerThread(name: "lane") {
        let source = consumer.records(ofLane: lane)
        var batch = RecordBatch()
        var count = 0
        while count < 300, MonotonicClock.nowNanos() < deadlineNanos {
          source.drain(into: &batch, countMax: 50, timeoutMillis: 200)
          count += batch.headers.count { $0.kind == .record }
        }
        counts.update { $0[lane] = count }
      }
    }
    for number in 0..<300 {
      for partition in 0..<2 {
        cluster.produce(
          numberedRecord(Int32(partition), number),
          to: TopicPartition(topic: "t", partition: Int32(partition)))
      }
    }
    for lane in lanes { lane.join() }
    #expect(counts.update { $0 } == [300, 300])
    consumer.close(timeoutMillis: 100)
    #expect(delegate.held.isEmpty)
  }

  @Test func `requests wait for brokers that come back`() throws {
    let tally = FaultTally()
    let cluster = SimulatedCluster(seed: 2, tally: tally)
    cluster.createTopic("t", partitionCount: 1)
    let consumer = try cluster.connect(
      process: 1, laneCount: 1, delegate: DrivenDelegate(laneCount: 1))
    let startNanos = MonotonicClock.nowNanos()
    cluster.takeBrokersAway(millis: 150)
    #expect(try consumer.partitionCounts(["t"], timeoutMillis: 5000) == ["t": 1])
    #expect(MonotonicClock.nowNanos() - startNanos > 140_000_000)
    cluster.takeBrokersAway(millis: 60_000)
    #expect(throws: KafkaError.self) {
      try consumer.partitionCounts(["t"], timeoutMillis: 20)
    }
    #expect(consumer.clusterID(timeoutMillis: 20) == nil)
    #expect(tally.taken[.slowBroker] == 2)
    consumer.close(timeoutMillis: 0)
  }
}
