import Ledger

/// Being fetched again, and being held back while a flood of dead letters pauses the source.
extension LanePartition {
  /// Where the partition stands towards Kafka.
  enum Position {
    /// Assigned or sought; the first record decides whether there is a hole.
    case fresh
    /// A hole was seen: everything is ignored until the lane has asked for `expected` again.
    case refetching
    /// What comes next is too far behind to wait for: the lane asks for `expected` right away.
    case seekingAhead
    /// Asked again; a hole is now believed.
    case refetched
    case steady
    /// Held: nothing is taken until it is released and asked for again.
    case held
    /// The position is lost; nothing is taken until the session decides.
    case lost
  }

  /// What to ask Kafka for again: the first offset that has something to say.
  var refetchOffset: Int64 { min(expected, unverifiedWitness?.offset ?? expected) }

  /// The lane has asked Kafka for `refetchOffset` again.
  func didRefetch() {
    // It may have been held meanwhile.
    if position == .held { return }
    position = position == .seekingAhead ? .fresh : .refetched
  }

  /// Takes nothing until `release`: what comes meanwhile is ignored.
  func hold() {
    if position != .lost { position = .held }
    silence.doubtEnd()
  }

  /// Whether `refetchOffset` must be asked for now, after which comes `didRefetch`.
  func release() -> Bool {
    guard position == .held else { return false }
    position = .refetching
    return true
  }

  /// Records decoded since the last call, and those of them that were dead; none of a replay.
  func takeShare() -> DeadShare {
    defer { share = DeadShare() }
    return share
  }
}
