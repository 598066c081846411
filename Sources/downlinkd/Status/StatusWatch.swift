import Base
import Glibc
import Status

/// What `downlinkd status --watch` shows: on a terminal one picture, drawn over and over; elsewhere
/// one block after the other. An instance that is away for a while is said to be, and asked again.
struct StatusWatch {
  private let isTerminal: Bool
  private let isJSON: Bool
  private var block = LiveBlock()
  /// Since when nobody answers; nil while somebody does.
  private var awayNanos: Int64?
  private var hasShown = false

  init(isTerminal: Bool, isJSON: Bool) {
    self.isTerminal = isTerminal
    self.isJSON = isJSON
  }

  /// The text for an answer, or for the want of one.
  mutating func text(
    _ answer: Result<JSONValue, StatusError>, nowNanos: Int64, rowCount: Int, columnCount: Int
  ) -> String {
    var lines: [String]
    switch answer {
    case .success(let status):
      awayNanos = nil
      if isJSON { return status.text + "\n" }
      lines = StatusTable.text(status).split(
        separator: "\n", omittingEmptySubsequences: false
      ).dropLast().map(String.init)
    case .failure(let error):
      let away = awayNanos ?? nowNanos
      awayNanos = away
      let seconds = (nowNanos - away) / 1_000_000_000
      lines = ["\(error)" + (seconds > 0 ? "; away for \(seconds) s" : "")]
    }
    defer { hasShown = true }
    guard isTerminal else {
      return (hasShown ? "\n" : "") + lines.map { $0 + "\n" }.joined()
    }
    // What scrolls away could not be drawn over.
    let room = max(1, rowCount - 1)
    if lines.count > room {
      lines = lines.prefix(room - 1) + ["… \(lines.count - room + 1) lines more"]
    }
    return block.text(showing: lines, columnCount: columnCount)
  }
}

/// The size of the terminal behind standard output; the usual one where there is none.
func terminalSize() -> (rowCount: Int, columnCount: Int) {
  var size = winsize()
  guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0
  else { return (24, 80) }
  return (Int(size.ws_row), Int(size.ws_col))
}
