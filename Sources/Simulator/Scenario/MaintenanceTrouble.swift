import Base

/// Kills instances in the midst of maintaining the tables, at a system call soon to be made.
/// Environment's thread.
struct MaintenanceTrouble {
  private let host: ProcessHost
  private let tally: FaultTally
  private let isOn: Bool
  /// One opportunity of so many is taken.
  private let oneIn: Int
  private var random: SplitMix64

  init(_ plan: ScenarioPlan, host: ProcessHost, tally: FaultTally) {
    random = SplitMix64(seed: plan.seed ^ 0xDEAD)
    self.host = host
    self.tally = tally
    isOn = plan.maintainsTables
    oneIn = [5, 20, 80].randomElement(using: &random) ?? 20
  }

  mutating func step() {
    if !isOn { return }
    for (process, _) in host.maintaining where random.oneIn(oneIn) {
      let (host, tally) = (host, tally)
      host.disk.disk.arm(
        process: process, afterCalls: Int.random(in: 1...12, using: &random)
      ) { process in
        if host.disk.isMaintaining, let step = host.maintenanceStep(of: process) {
          if let kind = FaultKind(killedIn: step) { tally.note(kind) }
        }
        host.noteDeath(process)
      }
    }
  }
}

extension FaultKind {
  /// A death in this step of maintenance; nil for steps that change nothing.
  fileprivate init?(killedIn step: String) {
    switch step {
    case "compaction": self = .killedInCompaction
    case "log checkpoint": self = .killedInLogCheckpoint
    case "retention": self = .killedInRetention
    case "deletion", "orphans": self = .killedInDeletion
    case "log clean-up": self = .killedInLogCleanup
    default: return nil
    }
  }
}
