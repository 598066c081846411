import ArgumentParser
import Base
import Config
import Status

/// `downlinkd status`: asks a running instance how it is.
struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Ask a running downlinkd how it is.",
    discussion: """
      Exit codes: 0 it is ready, 69 nobody answers, 75 it answers and is not ready, 78 the \
      configuration does not say where to ask.
      """)

  @Option(name: .long, help: "The configuration file of the instance, for its http.listen.")
  var config: String?

  @Option(name: .long, help: "Where it listens, host:port. (default: 127.0.0.1:9479)")
  var address: StatusAddress?

  @Flag(name: .long, help: "Print the JSON of /status as it is.")
  var json = false

  func validate() throws {
    if config != nil && address != nil {
      throw ValidationError("give --config or --address, not both")
    }
  }

  func run() async throws {
    let target = try target()
    let status: JSONValue
    do throws(StatusError) {
      status = try await StatusClient.status(host: target.host, port: target.port)
    } catch {
      complain("\(error)")
      throw ExitCode(Exit.unavailable)
    }
    print(json ? status.text + "\n" : StatusTable.text(status), terminator: "")
    if !StatusTable.isReady(status) { throw ExitCode(Exit.incomplete) }
  }

  private func target() throws -> StatusAddress {
    guard let config else { return address ?? .standard }
    let configuration = try Checked.configuration(config)
    guard let listen = configuration.http.listen else {
      complain("\(config): http.listen: none: the instance has no endpoint that can be asked")
      throw ExitCode(Exit.configuration)
    }
    guard listen.port != 0 else {
      complain("\(config): http.listen: port 0: the log has the port; give it with --address")
      throw ExitCode(Exit.configuration)
    }
    return StatusAddress(listeningHost: listen.host, port: Int(listen.port))
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
