import Base
import Pipeline

/// Keeps a number of processes running as a service manager does: who dies or fails is started
/// again after a while. Environment's thread.
struct Supervisor {
  /// What stands in one place.
  private enum Slot {
    case running(process: Int)
    case down(untilNanos: Int64)
  }

  private let host: ProcessHost
  private let options: PipelineOptions
  private var slots: [Slot]
  private let tally: FaultTally
  private var startedCount = 0
  private var random: SplitMix64
  /// Why processes have ended by themselves.
  private(set) var reasons: [String] = []

  init(
    _ host: ProcessHost, options: PipelineOptions, slotCount: Int, tally: FaultTally,
    random: SplitMix64
  ) {
    self.tally = tally
    self.host = host
    self.options = options
    self.random = random
    slots = (0..<slotCount).map { .down(untilNanos: Int64($0) * 400_000_000) }
  }

  /// Starts what is due, takes note of what has ended.
  mutating func step(nowNanos: Int64) {
    for ending in host.takeEndings() {
      if case .failed(let reason) = ending.result { reasons.append(reason) }
      if case .refused(let reason) = ending.result { reasons.append(reason) }
    }
    let living = Set(host.living)
    for index in slots.indices {
      switch slots[index] {
      case .running(let process) where !living.contains(process):
        slots[index] = .down(
          untilNanos: nowNanos + Int64.random(in: 50...6_000, using: &random) * 1_000_000)
      case .down(let untilNanos) where nowNanos >= untilNanos:
        slots[index] = .running(process: host.start(options, goal: .run))
        startedCount += 1
        // Others are there that have to share with it.
        if startedCount > 1, !living.isEmpty { tally.note(.instanceAdded) }
      case .running, .down: break
      }
    }
  }
}
