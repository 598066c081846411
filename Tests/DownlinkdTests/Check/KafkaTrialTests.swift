import Config
import Foundation
import Kafka
import Telemetry
import Testing

@testable import downlinkd

/// What `check --connect` says of Kafka, on a mock cluster.
@Suite(.serialized) struct KafkaTrialTests {
  private func configuration(_ brokers: String, topics: String = "telemetry") throws
    -> Configuration
  {
    let text = """
      pipeline: fleet
      kafka: {brokers: "\(brokers)"}
      sources:
        - name: snapshots
          topics: [\(topics)]
          message: fleet.telemetry.v1.DeviceTelemetry
          device: device_id
          time: {field: time_unix_ms, unit: ms}
      storage: {root: /srv/downlink}
      """
    return try Configuration.parse(Array(text.utf8), file: "x.yaml", environment: [:])
  }

  private func findings(_ mock: MockCluster, topics: String = "telemetry") throws
    -> [CheckFinding]
  {
    KafkaTrial(
      configuration: try configuration(mock.brokers, topics: topics), timeoutMillis: 10_000
    ).findings()
  }

  @Test func `a cluster that answers is well`() throws {
    let mock = try MockCluster(brokerCount: 2)
    try mock.createTopic("telemetry", partitionCount: 3)
    let found = try findings(mock)
    #expect(found.map(\.level) == [.ok, .ok, .ok], "\(found)")
    #expect(found.map(\.place) == ["kafka.brokers", "sources[0].topics", "kafka.group"])
    #expect(found[1].sentence.contains("3 partitions and, by offsets, 0 records"))
  }

  @Test func `no broker is a fault of the world, with the reason`() throws {
    let trial = KafkaTrial(
      configuration: try configuration("127.0.0.1:1"), timeoutMillis: 1500)
    let found = trial.findings()
    #expect(found.count == 1)
    let fault = try #require(found.first)
    #expect(fault.level == .fault && fault.cause == .outside && fault.place == "kafka.brokers")
    #expect(fault.sentence.contains("127.0.0.1:1") && fault.sentence.contains("refused"))
    #expect(!fault.sentence.contains("after 0ms"))
  }

  @Test func `a topic that is denied or gone does not hide the others`() throws {
    let mock = try MockCluster(brokerCount: 1)
    for topic in ["a", "b", "c"] { try mock.createTopic(topic, partitionCount: 1) }
    mock.setTopicError("a", .topicAuthorizationFailed)
    mock.setTopicError("b", .unknownTopicOrPartition)
    let found = try findings(mock, topics: "a, b, c")
    #expect(found.map(\.level) == [.ok, .fault, .fault, .ok, .ok], "\(found)")
    #expect(found[1].cause == .outside && found[1].sentence.contains("reading the topic a"))
    #expect(found[2].cause == .configuration && found[2].sentence == "there is no topic b")
  }

  @Test func `a right that is missing shows where it is used`() throws {
    let mock = try MockCluster(brokerCount: 1)
    try mock.createTopic("telemetry", partitionCount: 1)
    mock.pushErrors(.listOffsets, Array(repeating: .topicAuthorizationFailed, count: 20))
    let found = try findings(mock)
    #expect(found.count == 2)
    let fault = try #require(found.last)
    #expect(fault.level == .fault && fault.cause == .outside, "\(found)")
    #expect(fault.sentence.contains("reading the topic telemetry is denied"))
  }

  @Test func `a group that is denied is said`() throws {
    let mock = try MockCluster(brokerCount: 1)
    try mock.createTopic("telemetry", partitionCount: 1)
    mock.pushErrors(.offsetFetch, Array(repeating: .groupAuthorizationFailed, count: 20))
    let found = try findings(mock)
    let last = try #require(found.last)
    #expect(last.level == .fault && last.place == "kafka.group", "\(found)")
    #expect(last.advice?.contains("right Read") == true)
  }
}
