import Base
import Ledger
import Metrics
import Telemetry
import Testing

@testable import Detectors
@testable import Kafka
@testable import Pipeline

@Suite struct StatusBoardTests {
  private static let partition = TopicPartition(topic: "telemetry", partition: 0)

  private func board() throws -> (StatusBoard, [SourceOptions]) {
    let options = try TestSources.options()
    return (StatusBoard(options: options), options.sources)
  }

  private static func progress(
    position: Int64, isReplaying: Bool = false, open: [OpenAnomalyCount] = []
  ) -> LaneProgress {
    var progress = LaneProgress()
    var report = PartitionProgress(position: position)
    report.isReplaying = isReplaying
    report.bufferedByteCount = 77
    report.openAnomalies = open
    progress.partitions[partition] = report
    return progress
  }

  private func statistics(_ text: String) throws -> ConsumerStatistics {
    try ConsumerStatistics(json: Array(text.utf8))
  }

  @Test
  func `a partition is what the group, the lane, the brokers and the chain say of it`() throws {
    let (board, sources) = try board()
    board.take(.test(to: 40), lane: 2)
    let statistics = try statistics(
      """
      {"brokers":{"b":{"name":"b:1","state":"UP","source":"learned","rtt":{"avg":900}}},
       "cgrp":{"state":"up","rebalance_cnt":3,"assignment_size":1,"join_state":"steady"},
       "rxmsg_bytes":1234,
       "topics":{"telemetry":{"partitions":{"0":{"partition":0,"fetch_state":"active",
       "ls_offset":100,"app_offset":60,"lo_offset":5}}}}}
      """)
    board.note(statistics)
    let status = board.status(
      progress: [LaneProgress(), Self.progress(position: 60)], sources: sources)
    let found = try #require(status.partitions.first)
    #expect(status.partitions.count == 1)
    #expect(found.lane == 2)
    #expect((found.committedOffset, found.nextOffset, found.endOffset) == (40, 60, 100))
    #expect(found.lag == 40)
    #expect(found.beginningOffset == 5)
    #expect(status.bufferedByteCount == 77)
    #expect(status.brokers == [.init(name: "b:1", state: "UP", roundTripMicros: 900)])
    #expect((status.rebalanceCount, status.receivedByteCount) == (3, 1234))
    board.letGo([Self.partition])
    let later = board.status(progress: [Self.progress(position: 60)], sources: sources)
    #expect(later.partitions == [])
  }

  @Test func `counts of a client that is gone are kept`() throws {
    let (board, sources) = try board()
    board.beginSession()
    board.note(try statistics(#"{"cgrp":{"state":"up","rebalance_cnt":3},"rxmsg_bytes":10}"#))
    board.beginSession()
    board.note(try statistics(#"{"cgrp":{"state":"up","rebalance_cnt":1},"rxmsg_bytes":5}"#))
    let status = board.status(progress: [], sources: sources)
    #expect((status.rebalanceCount, status.receivedByteCount, status.sessionCount) == (4, 15, 2))
  }

  @Test func `brokers that are all away are a wait until one is back`() throws {
    let (board, sources) = try board()
    func broker(_ state: String) throws -> ConsumerStatistics {
      try statistics(
        #"{"brokers":{"b":{"name":"b:1","state":"\#(state)","source":"learned"}}}"#)
    }
    board.note(try broker("DOWN"))
    let wait = board.status(progress: [], sources: sources).wait
    #expect(wait?.cause == .brokersAway)
    #expect(wait?.detail == "b:1 DOWN")
    board.note(try broker("TRY_CONNECT"))
    #expect(board.status(progress: [], sources: sources).wait?.sinceMicros == wait?.sinceMicros)
    board.note(try broker("UP"))
    #expect(board.status(progress: [], sources: sources).wait == nil)
  }

  @Test func `a coordinator that does not answer is a wait, though its broker looks up`() throws {
    let (board, sources) = try board()
    func group(_ state: String) throws -> ConsumerStatistics {
      try statistics(
        """
        {"brokers":{"b":{"name":"b:1","state":"UP","source":"learned"}},
         "cgrp":{"state":"\(state)"}}
        """)
    }
    board.note(try group("wait-coord"))
    let wait = board.status(progress: [], sources: sources).wait
    #expect(wait?.cause == .brokersAway)
    #expect(wait?.detail.contains("wait-coord") == true)
    board.note(try group("up"))
    #expect(board.status(progress: [], sources: sources).wait == nil)
  }

  @Test func `of several waits the oldest is shown, each from its own beginning`() throws {
    let (board, sources) = try board()
    func wait() -> PipelineStatus.ExternalWait? {
      board.status(progress: [], sources: sources).wait
    }
    board.wait(for: .diskFull, "7 bytes left")
    board.wait(for: .brokersAway, "b:1 DOWN")
    let first = wait()
    #expect(first?.cause == .diskFull)
    // Whoever goes on waiting says so again and again.
    for _ in 0..<3 {
      board.wait(for: .brokersAway, "b:1 DOWN")
      board.wait(for: .diskFull, "6 bytes left")
    }
    #expect(wait()?.cause == .diskFull)
    #expect(wait()?.sinceMicros == first?.sinceMicros)
    #expect(wait()?.detail == "6 bytes left")
    board.endWait(for: .diskFull)
    #expect(wait()?.cause == .brokersAway)
    board.endWait(for: .brokersAway)
    #expect(wait() == nil)
  }

  /// The time of a board; passes when it is told to.
  private let time = Monitor<Int64>(0)

  /// A board whose limits are a second.
  private func impatientBoard() throws -> (StatusBoard, [SourceOptions]) {
    var options = try TestSources.options(intervalMillis: 100)
    options.progressLimits = try #require(
      ProgressLimits(text: "commit=1,failing=1,joining=1,control=60,schema_registry=1"))
    let time = time
    let board = StatusBoard(options: options) { time.update { $0 } }
    return (board, options.sources)
  }

  /// The stall as it is within two seconds of looking, as the service does.
  private func stallInTime(
    _ board: StatusBoard, _ sources: [SourceOptions], progress: [LaneProgress] = []
  ) -> String? {
    for _ in 0..<22 {
      if let stall = board.status(progress: progress, sources: sources).stall { return stall }
      time.update { $0 += 100_000_000 }
    }
    return nil
  }

  /// A lane that waits for a schema owes nothing but that; the others go on owing theirs.
  @Test func `a lane that waits for a schema has a limit of its own`() throws {
    let (board, sources) = try impatientBoard()
    board.enter(.running)
    let other = TopicPartition(topic: "telemetry", partition: 1)
    board.take(.test(to: 40), lane: 0)
    board.take(.test("telemetry", 1, to: 40), lane: 1)
    var (waiting, working) = (LaneProgress(), LaneProgress())
    waiting.partitions[Self.partition] = PartitionProgress(position: 90, isReplaying: true)
    working.partitions[other] = PartitionProgress(position: 40)
    func note(_ id: Int32) {
      let schema = AwaitedSchema(
        id: id, isDenied: false, topicPartition: Self.partition, offset: 90)
      board.note(awaitedSchemas: [schema, nil], trouble: nil)
    }
    // Every second another one.
    for id in Int32(0)..<5 {
      note(id)
      for _ in 0..<9 {
        time.update { $0 += 100_000_000 }
        #expect(board.status(progress: [waiting, working], sources: sources).stall == nil)
      }
    }
    note(4)
    #expect(
      stallInTime(board, sources, progress: [waiting, working])
        == "waiting for the schema registry for 1 s")
    working.partitions[other] = PartitionProgress(position: 47)
    note(5)
    let stall = stallInTime(board, sources, progress: [waiting, working])
    #expect(stall == "no commit for 1 s while 7 records wait")
  }

  @Test func `a commit under way is watched until it ends`() throws {
    let (board, sources) = try impatientBoard()
    board.enter(.running)
    board.commitBegan()
    #expect(stallInTime(board, sources)?.hasPrefix("a commit has been under way") == true)
    board.commitEnded()
    #expect(board.status(progress: [], sources: sources).stall == nil)
  }

  @Test func `sessions that fail are counted, with the last reason`() throws {
    let (board, sources) = try impatientBoard()
    for reason in ["one", "two"] {
      board.beginSession()
      board.enter(.running)
      board.sessionFailed(reason)
      _ = board.status(progress: [], sources: sources)
    }
    let stall = stallInTime(board, sources)
    #expect(stall?.contains("sessions failed without progress") == true, "\(stall ?? "none")")
    #expect(stall?.contains("because two") == true)
  }

  @Test func `a member of a group that does not settle is out of it`() throws {
    let (board, sources) = try impatientBoard()
    board.enter(.running)
    board.note(try statistics(#"{"cgrp":{"state":"up","join_state":"wait-join"}}"#))
    #expect(stallInTime(board, sources)?.hasPrefix("out of the group") == true)
    board.note(try statistics(#"{"cgrp":{"state":"up","join_state":"steady"}}"#))
    #expect(board.status(progress: [], sources: sources).stall == nil)
  }

  @Test func `records behind a leader that is away are not owed`() throws {
    let (board, sources) = try impatientBoard()
    board.enter(.running)
    board.take(.test(to: 40), lane: 0)
    func statistics(state: String) throws -> ConsumerStatistics {
      try self.statistics(
        """
        {"brokers":{"a":{"nodeid":1,"name":"a:1","state":"UP","source":"learned"},
         "b":{"nodeid":2,"name":"b:1","state":"\(state)","source":"learned"}},
         "topics":{"telemetry":{"partitions":{"0":{"partition":0,"fetch_state":"active",
         "broker":2,"ls_offset":100,"app_offset":40}}}}}
        """)
    }
    let progress = [Self.progress(position: 40)]
    board.note(try statistics(state: "DOWN"))
    #expect(stallInTime(board, sources, progress: progress) == nil)
    board.note(try statistics(state: "UP"))
    let stall = stallInTime(board, sources, progress: progress)
    #expect(stall?.contains("while 60 records wait") == true, "\(stall ?? "none")")
  }

  @Test func `open anomalies add up over partitions, by source, detector and severity`() throws {
    let (board, sources) = try board()
    board.take(.test(to: 0), lane: 0)
    let open = [
      OpenAnomalyCount(detector: "hot", severity: .warning, count: 2),
      OpenAnomalyCount(detector: "hot", severity: .critical, count: 1),
    ]
    let status = board.status(progress: [Self.progress(position: 1, open: open)], sources: sources)
    #expect(
      status.openAnomalies.filter { $0.count > 0 } == [
        .init(source: "snapshots", detector: "hot", severity: "critical", count: 1),
        .init(source: "snapshots", detector: "hot", severity: "warning", count: 2),
      ])
    #expect(
      status.openAnomalies.contains(
        .init(source: "snapshots", detector: "quiet", severity: "warning", count: 0)),
      "a gauge before its first anomaly")
  }

  @Test func `commits add to the totals, and the newest are kept`() throws {
    let (board, sources) = try board()
    let driver = try CommitDriver(TestStorage())
    var version: Int64 = 0
    while !driver.isDone {
      let id = driver.committer.nextCommitID()
      let cuts = try driver.nextCuts(id: id)
      let report = try #require(try driver.committer.commit(cuts, id: id))
      version = report.entry.version
      board.note(report, durationNanos: 250_000_000)
    }
    let status = board.status(progress: [], sources: sources)
    #expect(status.commitCount == 2)
    #expect(status.recentCommits.count == 2)
    #expect(status.lastCommit?.version == version)
    #expect(status.totals["records_read"] == 23)
    #expect(status.totals["records_dead"] == 1)
    #expect(status.commitSeconds.count == 2)
    #expect(status.commitSeconds.sum == 0.5)
    #expect(status.endToEndSeconds.count == 24, "every record once")
    let dead = status.labelledTotals.filter { $0.name == "dead_letters" }
    #expect(dead.map(\.value).reduce(0, +) == status.totals["dead_letters"])
  }

  @Test func `a reload is counted, accepted or refused`() throws {
    let (board, sources) = try board()
    board.noteReload(isAccepted: true, detail: "log.level", configFingerprint: "new")
    board.noteReload(isAccepted: false, detail: "windows", configFingerprint: nil)
    let status = board.status(progress: [], sources: sources)
    #expect((status.reloadCount, status.reloadRefusedCount) == (1, 1))
    #expect(status.lastReload?.isAccepted == false)
    #expect(status.configFingerprint == "new")
  }

  @Test func `a phase begins once, and trouble goes with the next phase`() throws {
    let (board, sources) = try board()
    board.enter(.starting, trouble: "a broker said no")
    #expect(board.status(progress: [], sources: sources).trouble == "a broker said no")
    board.enter(.running)
    let since = board.status(progress: [], sources: sources).phaseSinceMicros
    board.enter(.running)
    let status = board.status(progress: [], sources: sources)
    #expect(status.trouble == nil)
    #expect(status.phaseSinceMicros == since)
  }
}
