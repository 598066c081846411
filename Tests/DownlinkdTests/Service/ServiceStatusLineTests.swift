import Telemetry
import Testing

@testable import Pipeline
@testable import downlinkd

@Suite struct ServiceStatusLineTests {
  private static let second: Int64 = 1_000_000_000
  private static let noon: Int64 = 1_800_000_000_000_000

  private static func status(
    _ phase: PipelineStatus.Phase = .running, partitions positions: [Int64?] = []
  ) -> PipelineStatus {
    var status = PipelineStatus(
      pipeline: "test", program: "test", configFingerprint: "", startedAtMicros: noon)
    status.phase = phase
    for (index, position) in positions.enumerated() {
      var partition = PipelineStatus.Partition(
        topicPartition: TopicPartition(topic: "telemetry", partition: Int32(index)),
        incarnation: 0, lane: 0)
      partition.nextOffset = position
      status.partitions.append(partition)
    }
    return status
  }

  private static func text(_ status: PipelineStatus) -> String {
    var line = ServiceStatusLine()
    line.note(status, nowNanos: 0)
    return line.text(status)
  }

  // MARK: - Rate

  @Test func `the rate is that of the last ten seconds`() throws {
    var line = ServiceStatusLine()
    #expect(line.rate == nil)
    for quarter in 0..<400 {
      // 1000 a second for a minute, then nothing.
      let position = Int64(min(quarter, 240)) * 250
      line.note(Self.status(partitions: [position]), nowNanos: Int64(quarter) * Self.second / 4)
      if quarter == 200 { #expect(try abs(#require(line.rate) - 1000) < 1) }
    }
    #expect(line.rate == 0)
  }

  @Test func `a partition that comes, goes or is repeated is no record taken in`() throws {
    var line = ServiceStatusLine()
    line.note(Self.status(partitions: [100]), nowNanos: 0)
    line.note(Self.status(partitions: [110, 5_000_000]), nowNanos: Self.second)
    var replaying = Self.status(partitions: [120, 9_000_000])
    replaying.partitions[1].isReplaying = true
    line.note(replaying, nowNanos: 2 * Self.second)
    line.note(Self.status(partitions: [130]), nowNanos: 3 * Self.second)
    line.note(Self.status(partitions: [nil]), nowNanos: 4 * Self.second)
    // Given back and taken up again at an older position.
    line.note(Self.status(partitions: [50]), nowNanos: 5 * Self.second)
    #expect(try #require(line.rate) == 6)
  }

  @Test func `a partition counts from what is committed, however late it is looked at`() throws {
    var line = ServiceStatusLine()
    var taken = Self.status(partitions: [nil])
    taken.partitions[0].committedOffset = 1000
    line.note(taken, nowNanos: 0)
    taken.partitions[0].nextOffset = 1600
    line.note(taken, nowNanos: 2 * Self.second)
    #expect(try #require(line.rate) == 300)
  }

  @Test(arguments: [
    (0, "0"), (0.04, "0.04"), (9.5, "9.50"), (12.4, "12"), (999.6, "1,000"), (12_345, "12,300"),
    (999_500, "1,000,000"), (1_234_567, "1,230,000"),
  ])
  func `rates have three digits`(rate: Double, text: String) {
    #expect(ServiceStatusLine.rounded(rate) == text)
  }

  // MARK: - Text

  @Test(arguments: PipelineStatus.Phase.allCases)
  func `each phase has words of its own`(phase: PipelineStatus.Phase) {
    let word =
      switch phase {
      case .starting: "starting"
      case .joining: "joining the consumer group"
      case .running: "running, no partition assigned"
      case .draining: "stopping, making the last commits"
      case .stopped: "stopped"
      }
    #expect(Self.text(Self.status(phase)).hasPrefix(word))
  }

  @Test func `running it says how much, how far behind and how long ago`() {
    var status = Self.status(partitions: [900, 500])
    status.partitions[0].endOffset = 1000
    status.partitions[1].endOffset = 2000
    status.totals["readings"] = 1_234_567
    status.nowMicros = Self.noon + 75_000_000
    status.lastCommit = PipelineStatus.Commit(
      version: 3, atMicros: Self.noon, durationMicros: 1, recordCount: 1, readingCount: 1,
      firingCount: 1, fileCount: 1, byteCount: 1)
    status.openAnomalies = [
      .init(source: "a", detector: "limits", severity: "warning", count: 2),
      .init(source: "a", detector: "limits", severity: "critical", count: 1),
    ]
    #expect(
      Self.text(status)
        == "running, 2 partitions; 1,234,567 readings committed; lag 1,600; "
        + "last commit 1 min ago; 3 anomalies open")
    status.partitions[1].endOffset = nil
    #expect(Self.text(status).contains("lag not known yet"))
    status.lastCommit = nil
    #expect(Self.text(status).contains("no commit yet"))
    status.partitions[1].isReplaying = true
    #expect(Self.text(status).hasPrefix("running, 2 partitions, rebuilding the state of 1;"))
  }

  @Test func `a group that is not reached is no idle one`() {
    var status = Self.status()
    status.groupState = "wait-coord"
    let reason = ", the group's coordinator is not reached (wait-coord); "
    #expect(Self.text(status).hasPrefix("running, no partition assigned\(reason)"))
    status.groupState = "up"
    #expect(Self.text(status).hasPrefix("running, no partition assigned; "))
  }

  @Test func `a reload that was refused is said until one is accepted`() {
    var status = Self.status(partitions: [1])
    status.lastReload = PipelineStatus.Reload(
      atMicros: status.nowMicros, isAccepted: false, detail: "windows[1m]: removed")
    #expect(
      Self.text(status).hasSuffix(
        "; configuration file refused under 10 s ago: windows[1m]: removed"))
    status.lastReload?.isAccepted = true
    #expect(!Self.text(status).contains("refused"))
  }

  @Test func `what is wrong stands right after the phase`() {
    var status = Self.status(partitions: [1])
    status.wait = PipelineStatus.ExternalWait(
      cause: .brokersAway, sinceMicros: Self.noon - 35_000_000, detail: "a:9092 DOWN")
    status.stall = "no commit for 130 s"
    #expect(
      Self.text(status).hasPrefix(
        "running, 1 partition; NOT PROGRESSING: no commit for 130 s; "
          + "waiting for a broker that answers for 30 s (a:9092 DOWN); "))
    var recovering = Self.status(.starting)
    recovering.trouble = "the coordinator is away"
    #expect(Self.text(recovering) == "recovering: the coordinator is away")
  }

  @Test(arguments: [
    (-5, "under 10 s"), (9, "under 10 s"), (10, "10 s"), (59, "50 s"), (60, "1 min"),
    (3599, "59 min"), (3600, "1 h"), (172_799, "47 h"), (172_800, "2 days"),
  ] as [(Int64, String)])
  func `ages are coarse`(seconds: Int64, text: String) {
    #expect(ServiceStatusLine.age(seconds * 1_000_000) == text)
  }

  @Test func `texts of the world cannot add an assignment or grow without bound`() {
    var status = Self.status(.starting)
    status.trouble = "first\nREADY=1\r\u{0}" + String(repeating: "ä", count: 5000)
    let text = Self.text(status)
    #expect(text.hasPrefix("recovering: first READY=1"))
    #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 })
    #expect(text.utf8.count <= ServiceStatusLine.byteCountMax && text.hasSuffix("ä…"))
  }
}
