/// Asks a person at a terminal, one line a question; an empty answer takes what is proposed.
struct InitDialogue {
  /// The person has gone: end of input.
  struct Ended: Error {}

  /// Shows a prompt.
  let show: (String) -> Void
  /// The next line; nil at the end of input.
  let nextLine: () -> String?

  /// Asks until there is an answer.
  func ask(_ question: String, default proposal: String? = nil) throws(Ended) -> String {
    while true {
      show(question + (proposal.map { " [\($0)]" } ?? "") + ": ")
      guard let line = nextLine() else { throw Ended() }
      let answer = Self.trimmed(line)
      if !answer.isEmpty { return answer }
      if let proposal { return proposal }
    }
  }

  /// An answer that may be empty; nil then.
  func askOptional(_ question: String) throws(Ended) -> String? {
    show(question + ": ")
    guard let line = nextLine() else { throw Ended() }
    let answer = Self.trimmed(line)
    return answer.isEmpty ? nil : answer
  }

  /// Yes or no; an empty answer is yes.
  func confirm(_ question: String) throws(Ended) -> Bool {
    while true {
      switch try ask(question, default: "yes").lowercased() {
      case "y", "yes": return true
      case "n", "no": return false
      default: show("yes or no, please\n")
      }
    }
  }

  private static func trimmed(_ line: String) -> String {
    var text = line[...].drop(while: \.isWhitespace)
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }
}
