import Base
import Testing

@testable import Pipeline
@testable import Status

@Suite struct StatusHistoryTests {
  private let second: Int64 = 1_000_000_000

  @Test func `rates are of the stretch since the point before`() {
    var history = StatusHistory()
    var status = Example.busy()
    status.receivedByteCount = 1000
    history.note(status, nowNanos: 0)
    status.partitions[0].nextOffset = 5100
    status.partitions[1].nextOffset = 5040
    status.receivedByteCount = 3000
    history.note(status, nowNanos: 10 * second)
    let points = history.points
    #expect(points[0].recordsPerSecond == nil && points[0].bytesPerSecond == nil)
    #expect(points[1].recordsPerSecond == 14)
    #expect(points[1].bytesPerSecond == 200)
    #expect(points[1].lagRecords == 300)
    #expect(points[1].watermarkLagSeconds == 34)
    #expect(points[1].deadLetterCount == 3)
  }

  @Test func `partitions that come, go or repeat are no throughput`() {
    var history = StatusHistory()
    var status = Example.busy()
    status.partitions[1].isReplaying = true
    history.note(status, nowNanos: 0)
    status.partitions[1].nextOffset = 100_000
    history.note(status, nowNanos: second)
    #expect(history.points.last?.recordsPerSecond == 0, "it repeats")
    status.partitions[1].isReplaying = false
    status.partitions[1].committedOffset = 99_990
    history.note(status, nowNanos: 2 * second)
    #expect(history.points.last?.recordsPerSecond == 10, "beyond what is committed")
    status.partitions.removeLast()
    history.note(status, nowNanos: 3 * second)
    #expect(history.points.last?.recordsPerSecond == 0, "it went")
    status.partitions[0].nextOffset = 7
    history.note(status, nowNanos: 4 * second)
    #expect(history.points.last?.recordsPerSecond == 0, "it was set back")
  }

  @Test func `it keeps a quarter of an hour and no more`() {
    var history = StatusHistory()
    var status = Example.busy()
    for number in 0..<1000 {
      status.nowMicros = Int64(number)
      history.note(status, nowNanos: Int64(number) * second)
    }
    #expect(history.points.count == StatusHistory.countMax)
    #expect(history.points.first?.atMicros == 820 && history.points.last?.atMicros == 999)
    let span = StatusHistory.intervalNanos * Int64(StatusHistory.countMax)
    #expect(span == 15 * 60 * second)
  }

  @Test func `the same moment twice is no rate`() {
    var history = StatusHistory()
    history.note(Example.busy(), nowNanos: 5)
    history.note(Example.busy(), nowNanos: 5)
    #expect(history.points.last?.recordsPerSecond == nil)
  }

  @Test func `a server keeps one without being asked`() async throws {
    try await withServer(Example.busy()) { server, _ in
      // The first point is noted at once.
      var points: [JSONValue] = []
      while points.isEmpty {
        let value = try await StatusClient.status(host: "127.0.0.1", port: server.port)
        points = try #require(value["history"]?.arrayValue)
      }
      #expect(points.count == 1)
      #expect(points[0]["at"] == "2026-11-21T07:32:00.000000Z")
      #expect(points[0]["records_per_second"]?.isNull == true)
      #expect(points[0]["lag_records"] == 340)
    }
  }
}
