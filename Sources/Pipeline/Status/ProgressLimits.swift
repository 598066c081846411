/// How long an instance may go without each kind of progress before it counts as stuck.
///
/// docs/OPERATING.md lists them with their reasons. They are not configuration: a limit that is
/// right for one fleet is right for all, and a wrong one restarts a healthy service for ever. Tests
/// lower them (`init(text:)`).
package struct ProgressLimits: Equatable, Sendable {
  // Nanoseconds of time in which the process was awake.

  /// Starting or recovering: reading a bounded number of files, asking brokers.
  var starting = 300 * second
  /// Outside the group, or in one that does not settle. The group waits for every member to give
  /// its partitions back, up to `max.poll.interval.ms` (300 s) of the slowest.
  var joining = 420 * second
  /// Leaving the group takes its commits' time.
  var draining = 300 * second
  /// The control thread asks brokers things, with time-outs of ten seconds each.
  var control = 120 * second
  /// A position that replays must move within this.
  var replay = 120 * second
  /// A commit must end within this, and one must follow within this while records wait; three
  /// commit intervals where that is longer.
  var commit = 120 * second
  /// Sessions that fail one after the other, none of them with progress.
  var failing = 300 * second
  /// Brokers come back in minutes, or a person is at work on them.
  var brokersAway = 1800 * second
  /// A full disk may take that person an hour.
  var diskFull = 3600 * second
  /// As for brokers: records wait that cannot be read without it.
  var schemaRegistry = 1800 * second
  /// A session that has run for this long counts as a success, also if nothing was to be committed.
  var settled = 60 * second

  private static let second: Int64 = 1_000_000_000

  package init() {}

  /// The limits of production but for those named, `commit=5,brokers_away=10`, in seconds. Nil
  /// where the text is not like that.
  package init?(text: String) {
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let words = part.split(separator: "=", omittingEmptySubsequences: false)
      guard words.count == 2, let seconds = Int64(words[1]), (1...86_400).contains(seconds),
        let limit = Self.names[String(words[0])]
      else { return nil }
      self[keyPath: limit] = seconds * Self.second
    }
  }

  private static var names: [String: WritableKeyPath<ProgressLimits, Int64>] {
    [
      "starting": \.starting, "joining": \.joining, "draining": \.draining, "control": \.control,
      "replay": \.replay, "commit": \.commit, "failing": \.failing,
      "brokers_away": \.brokersAway, "disk_full": \.diskFull,
      "schema_registry": \.schemaRegistry, "settled": \.settled,
    ]
  }

  func limit(of cause: PipelineStatus.ExternalWait.Cause) -> Int64 {
    switch cause {
    case .brokersAway: return brokersAway
    case .diskFull: return diskFull
    case .schemaRegistry: return schemaRegistry
    }
  }
}
