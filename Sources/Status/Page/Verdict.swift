import Pipeline

/// What a person on call wants to know first: how it stands, since when, what it means.
struct Verdict: Equatable, Sendable {
  /// How much it matters. Each has a colour, a sign and a word: none of them stands alone.
  enum Tone: String, Sendable {
    /// As it should be.
    case good
    /// On its way to what it should be: nobody has to do anything.
    case busy
    /// Works, or will again by itself; somebody should look.
    case warning
    case bad

    /// The word for it, for who does not see colours and signs.
    var word: String {
      switch self {
      case .good: "Good"
      case .busy: "In progress"
      case .warning: "Warning"
      case .bad: "Bad"
      }
    }
  }

  var tone: Tone
  /// Two or three words without figures: a change of it is announced.
  var headline: String
  /// What is so, in figures.
  var sentence: String
  /// What follows from it, and what to do; nil where all is well.
  var meaning: String?
  /// nil where nobody noted it.
  var sinceMicros: Int64?

  init(
    _ tone: Tone, _ headline: String, _ sentence: String, meaning: String? = nil,
    since: Int64? = nil
  ) {
    self.tone = tone
    self.headline = headline
    self.sentence = sentence
    self.meaning = meaning
    sinceMicros = since
  }

  init(_ view: StatusView) {
    let status = view.status
    if let stall = status.stall {
      self.init(
        .bad, "Not progressing", Sentence.whole(stall),
        meaning: "Nothing new reaches the tables; what was committed is whole. If it lasts, the "
          + "instance ends itself with exit code 74, and a service manager starts it again.",
        since: status.lastCommit?.atMicros)
      return
    }
    switch status.phase {
    case .starting: self = .starting(status)
    case .joining:
      self.init(
        status.trouble == nil ? .busy : .warning, "Joining the group",
        status.trouble.map(Sentence.whole)
          ?? "It asks the consumer group for partitions; none has been assigned yet.",
        meaning: "Nothing is read meanwhile. The group waits for its slowest member.",
        since: status.phaseSinceMicros)
    case .running: self = .running(view)
    case .draining:
      self.init(
        .busy, "Stopping", "It was told to stop and makes the last commits.",
        meaning: "What is not committed stays in Kafka and is read by who comes next.",
        since: status.phaseSinceMicros)
    case .stopped:
      self.init(
        .bad, "Stopped", "The pipeline has ended; this page goes with it.",
        meaning: "The log says why. What was committed is whole.", since: status.phaseSinceMicros)
    }
  }

  // MARK: - By phase

  private static func starting(_ status: PipelineStatus) -> Verdict {
    if let trouble = status.trouble {
      return Verdict(
        .warning, "Recovering", Sentence.whole(trouble),
        meaning: "It tries again by itself. What was committed is whole, and records wait in "
          + "Kafka.", since: status.phaseSinceMicros)
    }
    if let wait = status.wait { return waiting(wait) }
    return Verdict(
      .busy, "Starting", "It reads the chain of commits and asks the brokers.",
      meaning: "Nothing is read yet.", since: status.phaseSinceMicros)
  }

  private static func running(_ view: StatusView) -> Verdict {
    let status = view.status
    let since = status.phaseSinceMicros
    if status.partitions.isEmpty {
      if ["", "steady"].contains(status.joinState) {
        return Verdict(
          .good, "Standing by", "The group has no partition left for this instance.",
          meaning: "It takes over when another instance leaves. Nothing has to be done.",
          since: since)
      }
      return Verdict(
        .busy, "Joining the group again", "It has no partitions (\(status.joinState)).",
        meaning: "Nothing is read meanwhile.", since: since)
    }
    if let wait = status.wait { return waiting(wait) }
    let paused = status.floods.filter(\.isPaused)
    if let first = paused.first {
      let names = paused.map(\.source).joined(separator: ", ")
      return Verdict(
        .warning, paused.count == 1 ? "A source is paused" : "Sources are paused",
        "Nearly all records of \(names) could not be read, so they are not read for now.",
        meaning: "Nothing is lost: they wait in Kafka. Mend the mapping or the producer, then "
          + "reload; other sources go on.", since: first.sinceMicros)
    }
    let replaying = status.partitions.count { $0.isReplaying }
    if replaying > 0 {
      let all = Quantity.count(Int64(status.partitions.count), of: "partition")
      return Verdict(
        .busy, "Rebuilding state",
        "\(replaying) of \(all) read again what is committed, to know their windows and detectors.",
        meaning: "New rows follow when they are done. Nothing is written twice.", since: since)
    }
    return Trend(view).verdict(status)
  }

  private static func waiting(_ wait: PipelineStatus.ExternalWait) -> Verdict {
    let (headline, meaning) =
      switch wait.cause {
      case .brokersAway:
        (
          "Waiting for brokers",
          "Nothing new can be read; it goes on by itself when they answer. After 30 min it ends "
            + "itself and is started anew."
        )
      case .diskFull:
        (
          "Storage is full",
          "Nothing can be committed until there is space below storage.root; it goes on by itself "
            + "then. After an hour it ends itself and is started anew."
        )
      case .schemaRegistry:
        (
          "Waiting for the schema registry",
          "Some partitions stand still until a schema is known; the others go on."
        )
      }
    return Verdict(
      .warning, headline, Sentence.whole(wait.detail), meaning: meaning, since: wait.sinceMicros)
  }
}

/// Whether an instance keeps up, as the last two minutes tell.
struct Trend: Equatable, Sendable {
  enum Direction: Sendable { case upToDate, steady, catchingUp, fallingBehind }

  private(set) var direction = Direction.upToDate
  /// Until nothing is behind any more, at the rate of the last two minutes.
  private(set) var secondsLeft: Double?
  private var recordsPerSecond: Double?

  /// So many points, two minutes, are compared.
  static let pointCount = 24
  /// Who is behind by less than this much time keeps up: a batch, a pause of a producer.
  static let lagSecondsMin = 60.0

  init(_ view: StatusView) {
    let points = view.history.suffix(Self.pointCount)
    recordsPerSecond = points.last?.recordsPerSecond
    guard let lag = view.status.lagRecords, lag > 0,
      (view.status.lagSeconds ?? 0) > Self.lagSecondsMin
    else { return }
    // Records that are younger than their own commit are not worth a word.
    if let rate = recordsPerSecond, Double(lag) < 5 * rate { return }
    direction = .steady
    let known = points.filter { $0.lagRecords != nil }
    guard known.count >= Self.pointCount / 2, let first = known.first, let last = known.last,
      let before = first.lagRecords, last.atMicros > first.atMicros
    else { return }
    let perSecond = Double(before - lag) * 1e6 / Double(last.atMicros - first.atMicros)
    if Double(lag) < 0.95 * Double(before) {
      direction = .catchingUp
      secondsLeft = Double(lag) / perSecond
    } else if Double(lag) > 1.05 * Double(before) {
      direction = .fallingBehind
    }
  }

  fileprivate func verdict(_ status: PipelineStatus) -> Verdict {
    let partitions = Quantity.count(Int64(status.partitions.count), of: "partition")
    let behind = status.lagRecords.map { Quantity.count($0, of: "record") } ?? ""
    let rate = recordsPerSecond.map { "\(Quantity.rate($0)) records/s" }
    let since = status.phaseSinceMicros
    switch direction {
    case .upToDate:
      let lag = status.lagRecords.map { $0 == 0 ? "nothing behind" : "\(behind) behind" }
      let parts = [partitions, rate, lag].compactMap(\.self).joined(separator: ", ")
      return Verdict(.good, "Running", Sentence.whole(parts), since: since)
    case .steady:
      return Verdict(
        .warning, "Running, but behind", "\(behind) wait in Kafka, and do not become fewer.",
        meaning: "New records come as fast as they are taken in. Rows come late; nothing is lost "
          + "as long as the topics keep them.", since: since)
    case .catchingUp:
      let left = secondsLeft.map { ", done in about \(Quantity.duration($0)) at this rate" } ?? ""
      return Verdict(
        .busy, "Catching up", "\(behind) wait in Kafka, and become fewer\(left).",
        meaning: "Rows come late until then. Nothing has to be done.", since: since)
    case .fallingBehind:
      return Verdict(
        .warning, "Falling behind", "\(behind) wait in Kafka, and become more.",
        meaning: "More is produced than taken in. Lost is only what the topics delete before it is "
          + "read: give it more lanes or instances, or find out what is slow.", since: since)
    }
  }
}

enum Sentence {
  /// With a capital and a full stop, so that what threads said in passing reads as a sentence.
  static func whole(_ text: String) -> String {
    guard let first = text.first else { return text }
    let end = text.last.map { ".!?…".contains($0) } == true ? "" : "."
    return first.uppercased() + text.dropFirst() + end
  }
}
