import Base
import Testing

@testable import downlinkd

@Suite struct StatusSampleTests {
  /// As `/status` answers, shortened to what the demonstration reads and some that it does not.
  private static let document = """
    {"pipeline":"demo","ready":true,"phase":"running","lag_records":20,
    "totals":{"dead_letters":3,"firings":77,"readings":120},
    "anomalies":{"open_count":2,"open":[
      {"source":"satellites","detector":"wheel-spike","severity":"critical","count":0},
      {"source":"satellites","detector":"wheel-spike","severity":"warning","count":2}]},
    "partitions":[
      {"topic":"telemetry","partition":0,"next_offset":90,"committed_offset":60,
       "watermark":"2026-11-21T00:00:05.000000Z"},
      {"topic":"telemetry","partition":1,"next_offset":90,"committed_offset":60,
       "watermark":"2026-11-21T00:00:00.000000Z"},
      {"topic":"telemetry","partition":2,"next_offset":null,"committed_offset":null,
       "watermark":null}]}
    """

  @Test func `the answer of a pipeline that runs is read`() throws {
    #expect(
      StatusSample(try JSONValue(parsing: Self.document))
        == StatusSample(
          phase: "running", takenCount: 180, committedCount: 120,
          watermarkMicros: DemoFixture.midnight, firingCount: 77, deadCount: 3,
          openAnomalies: [.init(detector: "wheel-spike", severity: "warning", count: 2)]))
  }

  @Test func `a pipeline that knows nothing yet is no fault`() throws {
    let document = try JSONValue(parsing: #"{"phase":"starting","partitions":[],"totals":{}}"#)
    #expect(StatusSample(document) == StatusSample(phase: "starting"))
    #expect(StatusSample(.null) == StatusSample())
  }
}
