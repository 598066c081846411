import ArgumentParser
import Base
import Glibc
import Status

/// `downlinkd reload`: orders a running instance to read its configuration again.
struct ReloadCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reload", abstract: "Have a running downlinkd read its configuration again.",
    discussion: """
      Says what changed, or why nothing did. It waits until the new configuration is in force: \
      detectors at the next commit, most else in a new session of the pipeline. The same as \
      SIGHUP, which nobody answers.

      Exit codes: 0 taken over, also where nothing differs; 69 nobody answers at the admin socket; \
      75 not decided in time; 78 refused, and the configuration of before runs on.
      """)

  @Option(name: .long, help: "The configuration file of the instance, for its admin.socket.")
  var config: String?

  @Option(name: .long, help: "The admin socket of the instance.")
  var socket: String?

  @Option(
    name: .long,
    help: "The process of the instance, which gets SIGHUP where its socket cannot be asked.")
  var pid: Int32?

  @Option(name: .long, help: "How long to wait, 1 to 600 seconds.")
  var timeout = 60

  func validate() throws {
    if (config == nil) == (socket == nil) {
      throw ValidationError("give either --config or --socket")
    }
    if let pid, pid < 1 { throw ValidationError("--pid: expected a process id") }
    if !(1...600).contains(timeout) { throw ValidationError("--timeout: 1 to 600 seconds") }
  }

  func run() async throws {
    guard let answer = try await order() else {
      complain("not decided within \(timeout) s; see the log of the instance")
      throw ExitCode(Exit.incomplete)
    }
    let text = ReloadText(answer)
    if !text.output.isEmpty { print(text.output, terminator: "") }
    if !text.complaint.isEmpty {
      complain(text.complaint)
      throw ExitCode(Exit.configuration)
    }
  }

  /// Orders it of the first instance that can be asked; nil where that is not decided in time.
  private func order() async throws -> ReloadAnswer? {
    let sockets: AdminTargets
    do { sockets = try AdminTargets(config: config, socket: socket) } catch {
      // The instance itself is to know, and to say, that its file is refused.
      _ = signalled()
      throw error
    }
    var fault = sockets.absence
    for (index, target) in sockets.targets.enumerated() {
      do throws(StatusError) {
        return try await StatusClient.reload(at: target, waitSeconds: timeout)
      } catch {
        // The best place has the best reason.
        if index == 0 { fault = "\(error)" }
      }
    }
    complain(fault)
    guard signalled() else { throw ExitCode(Exit.unavailable) }
    complain("sent SIGHUP to process \(pid ?? 0) instead; its log says what becomes of it")
    throw ExitCode.success
  }

  /// Whether there is a process to signal, and it was.
  private func signalled() -> Bool {
    guard let pid else { return false }
    if kill(pid, SIGHUP) == 0 { return true }
    complain("--pid \(pid): \(SystemFault.text(errno))")
    return false
  }
}

/// What `downlinkd reload` says.
struct ReloadText: Equatable {
  /// Lines for standard output; empty where the file was refused.
  var output = ""
  /// For standard error, without a line break at its end; empty where it was taken over.
  var complaint = ""

  init(_ answer: ReloadAnswer) {
    guard answer.isAccepted else {
      complaint = (answer.reasons + ["refused; the configuration of before runs on"])
        .map(Self.line).joined(separator: "\n")
      return
    }
    let count = answer.changes.count
    if count == 0 {
      output = "taken over: nothing changed\n"
      return
    }
    let state =
      answer.isInForce ? "in force" : "not in force yet: `downlinkd status` shows when it runs"
    output = "taken over: \(count) \(count == 1 ? "change" : "changes"), \(state)\n"
    for change in answer.changes {
      let note = change.effect == "reopen" ? " (by a new session)" : ""
      output += "  \(Self.line(change.text))\(note)\n"
    }
  }

  /// What another process said, which may be long: a file has many faults.
  private static func line(_ text: String) -> String {
    PlainText.shown(text, countMax: lineCountMax)
  }

  private static let lineCountMax = 4096
}
