import ArgumentParser
import Base
import Glibc
import Status

/// `downlinkd status`: asks a running instance how it is.
struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Ask a running downlinkd how it is.",
    discussion: """
      With --watch it asks again and again, also while the instance is away, until SIGINT or \
      SIGTERM, and ends with 0.

      Exit codes: 0 it is ready, 69 nobody answers, 75 it answers and is not ready, 78 the \
      configuration does not say where to ask.
      """)

  @OptionGroup var place: StatusPlace

  @Flag(name: .long, help: "Print the JSON of /status as it is.")
  var json = false

  @Option(
    name: .long, defaultAsFlag: 2,
    help: "Ask again every so many seconds: on a terminal in place, elsewhere one below the other.")
  var watch: Int?

  func validate() throws {
    if let watch, !(1...3600).contains(watch) {
      throw ValidationError("--watch: 1 to 3600 seconds")
    }
  }

  func run() async throws {
    if let watch { return try await watchIt(everySeconds: watch) }
    switch await Self.ask(try place.targets()) {
    case .failure(let error):
      complain("\(error)")
      throw ExitCode(Exit.unavailable)
    case .success(let status):
      print(json ? status.text + "\n" : StatusTable.text(status), terminator: "")
      if !StatusTable.isReady(status) { throw ExitCode(Exit.incomplete) }
    }
  }

  private func watchIt(everySeconds seconds: Int) async throws {
    StopSignals.install()
    var view = StatusWatch(isTerminal: isatty(STDOUT_FILENO) == 1, isJSON: json)
    repeat {
      // The socket of an instance that starts is not there from the beginning.
      let answer = await Self.ask(try place.targets())
      let size = terminalSize()
      print(
        view.text(
          answer, nowNanos: MonotonicClock.nowNanos(), rowCount: size.rowCount,
          columnCount: size.columnCount),
        terminator: "")
      guard fflush(nil) == 0 else { return }
    } while !StopSignals.wait(timeoutMillis: Int32(seconds) * 1000)
  }

  /// The first that answers; of several that do not, what the last one said: it is the port.
  private static func ask(_ targets: [StatusTarget]) async -> Result<JSONValue, StatusError> {
    var fault = StatusError.unreachable(address: "nowhere", reason: "there is nothing to ask")
    for target in targets {
      do throws(StatusError) {
        return .success(try await StatusClient.status(of: target))
      } catch {
        fault = error
      }
    }
    return .failure(fault)
  }
}

/// `host:port`, an IPv6 address in brackets.
struct StatusAddress: ExpressibleByArgument, Equatable, Sendable {
  var host: String
  var port: Int

  /// Where an instance listens that was not told.
  static let standard = StatusAddress(host: "127.0.0.1", port: 9479)

  init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// Where to ask an instance that listens there: on every address means on the loopback too.
  init(listeningHost host: String, port: Int) {
    switch host {
    case "0.0.0.0": self.init(host: "127.0.0.1", port: port)
    case "::": self.init(host: "::1", port: port)
    default: self.init(host: host, port: port)
    }
  }

  init?(argument: String) {
    guard let colon = argument.lastIndex(of: ":"),
      let port = Int(argument[argument.index(after: colon)...]), (1...65_535).contains(port)
    else { return nil }
    var host = argument[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") || host.contains("/") {
      return nil
    }
    if host.isEmpty { return nil }
    self.init(host: String(host), port: port)
  }
}
