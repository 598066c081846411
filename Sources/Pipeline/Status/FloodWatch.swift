import Base
import Decode
import Telemetry

/// What a flood rule has just changed, for the log.
struct FloodChange: Sendable {
  let source: String
  let change: FloodRule.Change
  let options: FloodOptions
}

/// The flood rules of all sources, fed with what the lanes have decoded.
///
/// Belongs to the instance and outlives its sessions: a recovery does not open the gates.
struct FloodWatch: Sendable {
  private let sources: [(name: String, topics: [String])]
  /// By source; nil for those without a rule.
  private var rules: [FloodRule?]
  private var notes: [PipelineStatus.Flood?]
  /// By lane and source: what was counted when they were last asked.
  private var seen: [[DeadShare]] = []
  private var shallResume = false

  init(_ sources: [SourceOptions]) {
    self.sources = sources.map { ($0.plan.schema.source, $0.topics) }
    rules = sources.map { $0.flood.map { FloodRule($0) } }
    notes = sources.map { source in
      source.flood.map { _ in PipelineStatus.Flood(source: source.plan.schema.source) }
    }
  }

  /// Lanes of a new session count from zero.
  mutating func beginSession() { seen = [] }

  /// Every paused source is tried again at the next observation.
  mutating func resumeAll() { shallResume = true }

  /// Topics that are not to be read now.
  var pausedTopics: Set<String> {
    var topics: Set<String> = []
    for (source, rule) in zip(sources, rules) where rule?.state == .paused {
      topics.formUnion(source.topics)
    }
    return topics
  }

  /// What is to be said of the sources that have a rule.
  var floods: [PipelineStatus.Flood] { notes.compactMap { $0 } }

  /// - Parameter nowNanos: of a clock that never goes back.
  mutating func observe(_ progress: [LaneProgress], nowNanos: Int64) -> [FloodChange] {
    let news = takeNews(progress)
    var changes: [FloodChange] = []
    for index in rules.indices {
      guard var rule = rules[index] else { continue }
      let share = index < news.count ? news[index] : DeadShare()
      var found: [FloodRule.Change] = []
      if shallResume, let change = rule.resume() { found.append(change) }
      if let change = rule.observe(share, nowNanos: nowNanos) { found.append(change) }
      rules[index] = rule
      for change in found {
        note(change, of: index)
        changes.append(
          FloodChange(source: sources[index].name, change: change, options: rule.options))
      }
    }
    shallResume = false
    return changes
  }

  /// What was decoded since the last call, by source.
  private mutating func takeNews(_ progress: [LaneProgress]) -> [DeadShare] {
    var news = Array(repeating: DeadShare(), count: rules.count)
    for (lane, report) in progress.enumerated() {
      let before = lane < seen.count ? seen[lane] : []
      for (index, share) in report.shares.enumerated() where index < news.count {
        news[index] += share - (index < before.count ? before[index] : DeadShare())
      }
    }
    seen = progress.map(\.shares)
    return news
  }

  private mutating func note(_ change: FloodRule.Change, of index: Int) {
    guard var flood = notes[index] else { return }
    switch change {
    case .paused(let share):
      flood.isPaused = true
      flood.pauseCount += 1
      flood.sinceMicros = WallClock.nowMicros()
      flood.recordCount = share.recordCount
      flood.deadCount = share.deadCount
    case .probed, .recovered: flood.isPaused = false
    }
    notes[index] = flood
  }
}
