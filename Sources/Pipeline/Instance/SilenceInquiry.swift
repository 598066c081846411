import Telemetry

/// Which of the silent partitions the brokers are asked about at a look.
///
/// As a rule all at once: that is a request a broker. But where one partition has no leader the
/// client fails the call as a whole, so what failed is asked again by halves, one a look, until
/// those stand alone that nobody answers for. They are left out from then on and asked by
/// themselves, in turn, at every other look. When one of them is answered, leaders may be back, and
/// all are asked at once again.
struct SilenceInquiry {
  /// Parts of a request that failed, yet to be asked; the next one last.
  private var parts: [[TopicPartition]] = []
  /// Those that failed alone; the one that was asked last is the last.
  private var unanswered: [TopicPartition] = []
  private var isTurnOfUnanswered = false

  /// - Parameter silent: all that are silent now.
  /// - Returns: whom to ask about; nobody only where nobody is silent.
  mutating func next(of silent: [TopicPartition]) -> [TopicPartition] {
    let isSilent = Set(silent)
    unanswered.removeAll { !isSilent.contains($0) }
    while let part = parts.popLast() {
      let rest = part.filter(isSilent.contains)
      if !rest.isEmpty { return rest }
    }
    let leftOut = Set(unanswered)
    let others = silent.filter { !leftOut.contains($0) }
    isTurnOfUnanswered.toggle()
    if let first = unanswered.first, isTurnOfUnanswered || others.isEmpty { return [first] }
    return others
  }

  /// The call failed as a whole.
  mutating func failed(_ asked: [TopicPartition]) {
    if asked.count == 1 {
      unanswered.removeAll { $0 == asked[0] }
      unanswered += asked
    } else {
      let middle = asked.count / 2
      parts += [Array(asked[middle...]), Array(asked[..<middle])]
    }
  }

  /// The call did not fail as a whole.
  mutating func wasAnswered(_ asked: [TopicPartition]) {
    if unanswered.contains(where: asked.contains) { unanswered = [] }
  }
}
