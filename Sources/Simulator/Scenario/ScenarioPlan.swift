import Base
import Decode
import Maintenance
import Parquet
import Pipeline

/// Everything a seed decides before the first step: the size of things, the limits, and how often
/// what goes wrong. What happens when follows from the same seed as the simulation runs.
struct ScenarioPlan: Sendable {
  let seed: UInt64
  /// How long there is trouble, in simulated time.
  let troubleNanos: Int64
  /// Processes that may run at once.
  let slotCount: Int
  let laneCount: Int
  let widePartitionCount: Int
  /// 0: there is no second source.
  let narrowPartitionCount: Int
  let commit: CommitOptions
  let onPositionLost: PipelineOptions.PositionLostPolicy
  /// Whether devices send records again and the sources leave them out: by sequence the wide one,
  /// by payload the narrow one. Every third seed, so that no other draw of a seed moves.
  var leavesOutDuplicates: Bool { seed % 3 == 1 }
  /// Whether the wide records have envelopes, and the registry takes its time. Every fourth seed.
  var hasEnvelopes: Bool { seed % 4 == 2 }
  /// Whether dead letters are replayed beside the pipeline, and some of them can be read under a
  /// mapping that was mended. Two seeds of five.
  var replaysLetters: Bool { !isFromBeforeLetters && (seed % 5 == 0 || seed % 5 == 3) }
  /// Whether producers go mad for a while, and sources pause. One seed of five; there are replays
  /// beside it.
  var hasFloods: Bool { !isFromBeforeLetters && seed % 5 == 3 }
  /// Whether the messages are of a descriptor set, with columns of text, enums, bytes and times,
  /// and rows that are the entries of a map. One seed of seven.
  var hasOwnSchema: Bool { !isFromBeforeLetters && seed % 7 == 6 }
  /// Whether instances maintain the tables, and the fleet's records are of two dates. One seed of
  /// three.
  var maintainsTables: Bool { !isFromBeforeLetters && seed % 11 < 4 }
  /// After how much silence a partition is idle, in seeds in which producers fall silent now and
  /// then; nil in the others. One seed of six.
  var partitionIdleMillis: Int? {
    if seed % 6 != 4 || Simulation.foundSeeds.contains(seed) { return nil }
    var random = SplitMix64(seed: seed ^ 0x1D7E)
    return Int.random(in: 300...2_500, using: &random)
  }
  private var isFromBeforeLetters: Bool { Simulation.foundBeforeLetters.contains(seed) }
  /// Nil in seeds without floods.
  var flood: FloodOptions? {
    guard hasFloods else { return nil }
    var random = SplitMix64(seed: seed ^ 0xF100D)
    return FloodOptions(
      share: 0.5, forMillis: Int.random(in: 300...1_200, using: &random),
      retryMillis: Int.random(in: 1_000...4_000, using: &random))
  }
  /// How often each kind of trouble is drawn, relative to the others; 0 means never here.
  let weights: [TroubleKind: Int]
  /// Trouble comes after pauses of up to this.
  let pauseNanosMax: Int64

  init(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    self.seed = seed
    troubleNanos = Int64.random(in: 15...45, using: &random) * 1_000_000_000
    slotCount = Int.random(in: 1...3, using: &random)
    laneCount = Int.random(in: 1...2, using: &random)
    widePartitionCount = Int.random(in: 1...3, using: &random)
    narrowPartitionCount = Int.random(in: 0...1, using: &random)
    var commit = CommitOptions(
      intervalMillis: [100, 400, 1500].randomElement(using: &random) ?? 400,
      byteCount: [3_000, 20_000, 1 << 20].randomElement(using: &random) ?? 20_000,
      stateIntervalMillis: [300, 3_000, 3_600_000].randomElement(using: &random) ?? 3_000,
      stateInputByteCount: [500, 5_000, 1 << 30].randomElement(using: &random) ?? 5_000,
      openDateCount: 64)
    commit.summaryInterval = [3, 6, 12].randomElement(using: &random) ?? 6
    self.commit = commit
    onPositionLost = random.oneIn(2) ? .stop : .skipAndRecord
    // Some seeds have a little of everything, some much of a few things.
    let isBroad = random.oneIn(2)
    var weights: [TroubleKind: Int] = [:]
    for kind in TroubleKind.allCases {
      let share = isBroad ? Int.random(in: 1...3, using: &random) : random.oneIn(3) ? 6 : 0
      weights[kind] = kind.isRare ? (random.oneIn(8) ? 1 : 0) : share
    }
    // A position that is lost under the policy `stop` ends the pipeline for good.
    if onPositionLost == .stop && !random.oneIn(6) { weights[.deleteRecords] = 0 }
    self.weights = weights
    pauseNanosMax = Int64.random(in: 100...2_000, using: &random) * 1_000_000
  }

  /// How all files of a simulation are written.
  static let parquet = ParquetWriterOptions(
    compression: .none, createdBy: "downlinkd version 0.1.0 (build simulated)")

  /// What a process of the pipeline is told; without the registry.
  func options(_ edition: ConfigurationEdition = .first) throws -> PipelineOptions {
    PipelineOptions(
      pipeline: "fleet", program: "simulated", configFingerprint: edition.rawValue,
      sources: try ScenarioSources.sources(of: self, edition),
      start: .earliest, onPositionLost: onPositionLost, laneCount: laneCount, commit: commit,
      parquet: Self.parquet,
      rowGroupRowCountMax: 40)
  }
}

/// The configuration as it is edited in the course of a simulation.
enum ConfigurationEdition: String, Sendable {
  case first
  /// Other detectors.
  case changed
  /// Device and time are taken from the record's key and Kafka's time: what lacks them in its
  /// message can be read.
  case mended
}

/// What the environment may do at a step of a simulation.
enum TroubleKind: Int, CaseIterable, Sendable {
  case killProcess
  case crashMachine
  case freezeProcess
  case stopProcess
  case moveClock
  case fillDisk
  case failCalls
  case slowDisk
  case unclearPuts
  case failSyncs
  case rebalance
  case evict
  case misdeliver
  case brokersAway
  case deleteRecords
  case appendMarkers
  case addPartition
  case damageState
  case damageSummary
  case foreignCommit
  case reload
  case recreateTopic
  case replaceCluster

  /// Ends the pipeline for good, so that nothing else is met afterwards: in few seeds only.
  var isRare: Bool { self == .recreateTopic || self == .replaceCluster }
}
