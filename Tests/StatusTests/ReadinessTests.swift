import Testing

@testable import Pipeline
@testable import Status

@Suite struct ReadinessTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let phase: PipelineStatus.Phase
    let isReady: Bool
    let sentence: String

    var testDescription: String { phase.rawValue }
  }

  static let rows = [
    Row(phase: .starting, isReady: false, sentence: "starting"),
    Row(phase: .joining, isReady: false, sentence: "joining the group, no partitions yet"),
    Row(phase: .running, isReady: true, sentence: "ready: 2 partitions, 340 records behind"),
    Row(phase: .draining, isReady: false, sentence: "draining: the last commits are being made"),
    Row(phase: .stopped, isReady: false, sentence: "stopped"),
  ]

  @Test(arguments: rows) func `only a running instance is ready`(_ row: Row) {
    var status = Example.busy()
    status.phase = row.phase
    #expect(status.readiness.isReady == row.isReady)
    #expect(status.readiness.sentence == row.sentence)
  }

  @Test func `every phase is in the table`() {
    #expect(Self.rows.map(\.phase) == PipelineStatus.Phase.allCases)
  }

  @Test(arguments: PipelineStatus.Phase.allCases)
  func `a stall is never ready, whatever the phase`(_ phase: PipelineStatus.Phase) {
    var status = Example.busy()
    status.phase = phase
    status.stall = "no commit for 130 s while 12 records wait"
    #expect(!status.readiness.isReady)
    #expect(
      status.readiness.sentence
        == "not progressing (\(phase.rawValue)): no commit for 130 s while 12 records wait")
  }

  @Test func `a wait within its limit leaves the instance ready and is named`() {
    var status = Example.busy()
    status.wait = .init(cause: .diskFull, sinceMicros: Example.now, detail: "3 bytes free")
    #expect(status.readiness.isReady)
    #expect(
      status.readiness.sentence
        == "ready: 2 partitions, 340 records behind; waiting for space on storage: 3 bytes free")
  }

  @Test func `an instance without partitions is ready: others have them`() {
    var status = Example.busy()
    status.partitions = []
    #expect(status.readiness == Readiness(isReady: true, sentence: "ready: 0 partitions"))
  }

  @Test func `an instance without partitions in a group that does not settle is not ready`() {
    var status = Example.busy()
    status.joinState = "wait-join"
    #expect(status.readiness.isReady, "what it has it still fetches")
    status.partitions = []
    #expect(!status.readiness.isReady)
    #expect(status.readiness.sentence == "joining the group again, no partitions (wait-join)")
    status.joinState = "steady"
    #expect(status.readiness.isReady)
  }

  @Test func `what is wrong is said while recovering`() {
    var status = Example.fresh()
    status.trouble = "the ledger cannot be read"
    #expect(status.readiness.sentence == "starting: the ledger cannot be read")
  }

  @Test func `lag in seconds is 0 with everything taken in, else the age of the newest`() {
    let status = Example.busy()
    #expect(status.lagSeconds(of: status.partitions[0]) == 0)
    #expect(status.lagSeconds(of: status.partitions[1]) == 1.5)
    #expect(status.lagSeconds == 1.5)
    var unknown = status.partitions[1]
    unknown.clockMicros = nil
    #expect(status.lagSeconds(of: unknown) == nil)
    unknown.clockMicros = Example.now + 1_000_000
    #expect(status.lagSeconds(of: unknown) == 0, "a clock ahead of ours is no negative lag")
    unknown.clockMicros = .min
    #expect(status.lagSeconds(of: unknown) == 0, "a clock beyond arithmetic does not trap")
    unknown.endOffset = nil
    #expect(status.lagSeconds(of: unknown) == nil)
  }

  @Test func `before the first commit its age is counted from the start`() {
    #expect(Example.fresh().secondsSinceCommit == 60)
    #expect(Example.busy().secondsSinceCommit == 2.5)
  }
}
