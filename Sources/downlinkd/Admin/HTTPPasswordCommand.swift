import ArgumentParser
import Glibc
import Status

/// `downlinkd http-password`: makes the hash that the configuration keeps of a password.
struct HTTPPasswordCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "http-password",
    abstract: "Make the hash of a password for http.basic_auth.users.",
    discussion: """
      Asks for the password twice at a terminal, without showing it; elsewhere it reads one line \
      of standard input. Prints the bcrypt hash, crypt(5).

      Exit codes: 0 done, 64 there is no password, it is longer than 72 bytes, or the two differ.
      """)

  func run() throws {
    let isTerminal = isatty(STDIN_FILENO) == 1
    let password = Self.line(asking: isTerminal ? "Password: " : nil)
    if isTerminal, Self.line(asking: "Again: ") != password {
      try Self.refuse("the two are not the same")
    }
    guard let password, !password.isEmpty else { return try Self.refuse("there is no password") }
    guard password.count <= PasswordHash.passwordByteCountMax else {
      return try Self.refuse("a password has at most \(PasswordHash.passwordByteCountMax) bytes")
    }
    guard let hash = PasswordHash.bcrypt(password) else {
      return try Self.refuse("the password has a NUL in it")
    }
    print(hash)
  }

  private static func refuse(_ sentence: String) throws {
    complain(sentence)
    throw ExitCode(Exit.usage)
  }

  /// One line of standard input without its end; nil at the end of it. A terminal does not show it.
  private static func line(asking question: String?) -> [UInt8]? {
    var before = termios()
    if let question {
      _ = unsafe write(STDERR_FILENO, question, question.utf8.count)
      _ = unsafe tcgetattr(STDIN_FILENO, &before)
      var silent = before
      silent.c_lflag &= ~tcflag_t(ECHO)
      _ = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
    }
    defer {
      if question != nil {
        _ = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
        complain("")
      }
    }
    return readLine(strippingNewline: true).map { Array($0.utf8) }
  }
}
