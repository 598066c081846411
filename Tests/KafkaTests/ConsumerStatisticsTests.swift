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

  @Test func `missing members are tolerated, broken text is an error`() throws {
    let statistics = try ConsumerStatistics(json: Array("{}".utf8))
    #expect(statistics.partitions.isEmpty && statistics.groupState.isEmpty)
    #expect(throws: JSONError.self) { try ConsumerStatistics(json: Array("{".utf8)) }
  }
}
