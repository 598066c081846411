import Base
import Telemetry
import Testing

@testable import Kafka

struct ConsumerStatisticsTests {
  private func partition(_ extra: String, state: String = "active") -> String {
    """
    {"topics":{"t":{"partitions":{"3":{"partition":3,"fetch_state":"\(state)",\
    "fetchq_cnt":7,"fetchq_size":910,\(extra)}}}}}
    """
  }

  @Test func `lag counts from the next record to be drained`() throws {
    let text = partition(#""lo_offset":5,"hi_offset":102,"ls_offset":100,"app_offset":60"#)
    let statistics = try ConsumerStatistics(json: Array(text.utf8))
    let found = try #require(statistics.partitions.first)
    #expect(found.partition == TopicPartition(topic: "t", partition: 3))
    #expect(found.lag == 40)
    #expect(found.beginningOffset == 5 && found.endOffset == 100 && found.nextOffset == 60)
    #expect(found.queuedCount == 7 && found.queuedByteCount == 910)
  }

  @Test func `what the library does not know is nil, not a number`() throws {
    let text = partition(#""lo_offset":-1001,"ls_offset":-1001,"app_offset":-1001"#)
    let found = try #require(try ConsumerStatistics(json: Array(text.utf8)).partitions.first)
    #expect(found.lag == nil && found.beginningOffset == nil && found.nextOffset == nil)
  }

  @Test func `partitions that others fetch are left out`() throws {
    let text = partition(#""ls_offset":1"#, state: "none")
    #expect(try ConsumerStatistics(json: Array(text.utf8)).partitions.isEmpty)
  }

  @Test func `a partition is within reach while the broker it comes from is connected`() throws {
    func isWithinReach(_ broker: String, state: String) throws -> Bool? {
      let brokers = #"{"b":{"nodeid":2,"name":"b:1","state":"\#(state)","source":"learned"},"#
        + #""seed":{"nodeid":-1,"name":"s:1","state":"UP","source":"configured"}}"#
      let text = partition(#""ls_offset":1,\#(broker)"#)
      let whole = #"{"brokers":\#(brokers),"# + text.dropFirst()
      return try ConsumerStatistics(json: Array(whole.utf8)).partitions.first?.isWithinReach
    }
    #expect(try isWithinReach(#""broker":2,"leader":2"#, state: "UP") == true)
    #expect(try isWithinReach(#""broker":2,"leader":2"#, state: "DOWN") == false)
    #expect(try isWithinReach(#""broker":-1,"leader":-1"#, state: "UP") == false)
    #expect(try isWithinReach(#""x":0"#, state: "UP") == true, "where it does not say")
  }

  @Test(arguments: [
    ("up", "steady", true), ("up", "wait-join", false), ("wait-coord", "steady", false),
    ("", "", true),
  ])
  func `a settled member is in a steady group that answers`(
    state: String, join: String, isSettled: Bool
  ) throws {
    let text = #"{"cgrp":{"state":"\#(state)","join_state":"\#(join)"}}"#
    #expect(try ConsumerStatistics(json: Array(text.utf8)).isSettled == isSettled)
  }

  @Test func `missing members are tolerated, broken text is an error`() throws {
    let statistics = try ConsumerStatistics(json: Array("{}".utf8))
    #expect(statistics.partitions.isEmpty && statistics.groupState.isEmpty)
    #expect(throws: JSONError.self) { try ConsumerStatistics(json: Array("{".utf8)) }
  }
}
