import Base
import Pipeline
import Telemetry

/// What happens around dead letters: replays beside the pipeline, one or two at once, some of them
/// killed or asleep in the midst of it, some under a mended mapping; and producers that go mad.
/// Environment's thread.
///
/// It draws from a stream of its own and has a pace of its own, so that seeds without it run the
/// course they ran before there was any.
struct LetterTrouble {
  private let plan: ScenarioPlan
  private let host: ProcessHost
  private let fleet: Fleet
  private let tally: FaultTally
  /// The configuration that instances run under, and the one that can read more.
  private let editions: [PipelineOptions]
  private var random: SplitMix64
  private var nextReplayNanos: Int64
  private var nextFloodNanos: Int64
  private var floodEndNanos: Int64 = 0

  /// - Parameter editions: the configuration that instances run under, and the mended one.
  init(
    _ plan: ScenarioPlan, host: ProcessHost, fleet: Fleet, tally: FaultTally,
    editions: [PipelineOptions]
  ) {
    self.plan = plan
    self.host = host
    self.fleet = fleet
    self.tally = tally
    self.editions = editions
    random = SplitMix64(seed: plan.seed ^ 0x1E77E5)
    nextReplayNanos =
      plan.replaysLetters ? Int64.random(in: 2...8, using: &random) * 1_000_000_000 : .max
    nextFloodNanos =
      plan.hasFloods ? Int64.random(in: 3...9, using: &random) * 1_000_000_000 : .max
  }

  mutating func step(nowNanos: Int64) {
    if nowNanos >= nextReplayNanos {
      nextReplayNanos = nowNanos + millis(300...5_000)
      startReplays()
    }
    if nowNanos >= nextFloodNanos {
      nextFloodNanos = nowNanos + millis(12_000...30_000)
      floodEndNanos = nowNanos + millis(2_000...6_000)
      fleet.isFlooded = true
      flood(Int.random(in: 100...200, using: &random))
    }
    if fleet.isFlooded {
      flood(Int.random(in: 0...12, using: &random))
      fleet.isFlooded = nowNanos < floodEndNanos
    }
    if plan.replaysLetters { note(host.takeReplayEndings()) }
  }

  /// Producers are well again; replays that run go on.
  mutating func end() { fleet.isFlooded = false }

  private mutating func millis(_ range: ClosedRange<Int64>) -> Int64 {
    Int64.random(in: range, using: &random) * 1_000_000
  }

  // MARK: - Floods

  /// Producers of the wide topic send what nobody can read.
  private func flood(_ count: Int) {
    for partition in fleet.partitions where partition.topic == ScenarioSources.wideTopic {
      fleet.send(count, to: partition)
    }
  }

  // MARK: - Replays

  private mutating func startReplays() {
    for _ in 0..<(random.oneIn(3) ? 2 : 1) {
      guard let options = editions.randomElement(using: &random) else { return }
      let process = host.startReplay(options, drawFilter())
      switch Int.random(in: 0..<6, using: &random) {
      case 0, 1:
        // Most of its calls only read; it dies at one that changes something.
        let host = host
        host.disk.disk.arm(
          process: process, afterCalls: Int.random(in: 1...40, using: &random)
        ) { host.noteDeath($0) }
      case 2:
        host.world.freeze(process, forNanos: millis(100...8_000))
      default: break
      }
    }
  }

  private mutating func drawFilter() -> DeadLetterFilter {
    var filter = DeadLetterFilter()
    switch Int.random(in: 0..<4, using: &random) {
    case 0: filter.reason = "no_device"
    case 1: filter.partition = 0
    default: break
    }
    return filter
  }

  /// Takes note of replays that have ended.
  private func note(_ endings: [(process: Int, ending: ProcessHost.ReplayEnding)]) {
    for (process, ending) in endings {
      switch ending {
      case .killed: tally.note(.replayKilled)
      case .failed(let reason): host.say?("replay \(process) ended: \(reason)")
      case .done(let report):
        if !report.versions.isEmpty { tally.note(.lettersReplayed) }
        if report.readingCount > 0 { tally.note(.lettersMended) }
        if report.conflictCount > 0 { tally.note(.replaysMet) }
        host.say?(
          "replay \(process) of \(report.letterCount) letters is done: \(report.readingCount) "
            + "readings, entries \(report.versions), \(report.conflictCount) conflicts")
      }
    }
  }
}
