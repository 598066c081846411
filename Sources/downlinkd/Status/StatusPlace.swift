import ArgumentParser
import Base
import Config
import Glibc
import Status

/// Where `downlinkd status` asks, and what it shows to be let in.
struct StatusPlace: ParsableArguments {
  @Option(
    name: .long,
    help: "The configuration of the instance: asks its admin.socket, else its http.listen.")
  var config: String?

  @Option(name: .long, help: "The admin socket of the instance.")
  var socket: String?

  @Option(name: .long, help: "Where it listens: http://host:port or https://host:port.")
  var url: StatusURL?

  @Option(name: .long, help: "Where it listens, host:port. (default: 127.0.0.1:9479)")
  var address: StatusAddress?

  @Option(name: .long, help: "With https: a PEM file of certificates that vouch for the instance.")
  var ca: String?

  @Option(name: .long, help: "A file with the token to log in with.")
  var bearerTokenFile: String?

  @Option(name: .long, help: "The user to log in as.")
  var user: String?

  @Option(name: .long, help: "A file with the password of --user.")
  var passwordFile: String?

  func validate() throws {
    let places = [config != nil, socket != nil, url != nil, address != nil]
    if places.count(where: \.self) > 1 {
      throw ValidationError("give one of --config, --socket, --url and --address")
    }
    if (user == nil) != (passwordFile == nil) {
      throw ValidationError("--user and --password-file belong together")
    }
    if user != nil && bearerTokenFile != nil {
      throw ValidationError("give --bearer-token-file or --user, not both")
    }
  }

  /// Where to ask, best first; of several all but the last are sockets. Ends the program with 78
  /// where the configuration does not say.
  func targets() throws -> [StatusTarget] {
    if let socket { return [StatusTarget(socket: socket)] }
    guard let config else {
      var target = (url?.address ?? address ?? .standard).target
      target.usesTLS = url?.isSecure ?? false
      return [try withLogin(target)]
    }
    let whereabouts: Configuration.Whereabouts
    do throws(ConfigFaults) {
      whereabouts = try Configuration.Whereabouts(file: config, environment: Environment.variables)
    } catch {
      complain("\(error)")
      throw ExitCode(Exit.configuration)
    }
    var targets = AdminTargets(whereabouts, file: config).targets
    if let listen = whereabouts.listen, listen.port != 0 {
      var target = StatusAddress(listeningHost: listen.host, port: Int(listen.port)).target
      target.usesTLS = whereabouts.usesTLS
      targets.append(try withLogin(target))
    }
    guard !targets.isEmpty else {
      complain(
        whereabouts.listen == nil
          ? "\(config): http.listen: none, and no admin socket: the instance cannot be asked"
          : "\(config): http.listen: port 0: the log has the port; give it with --address")
      throw ExitCode(Exit.configuration)
    }
    return targets
  }

  private func withLogin(_ target: StatusTarget) throws -> StatusTarget {
    var target = target
    target.authorityFile = ca
    if let bearerTokenFile { target.logIn(token: try Self.line(ofFile: bearerTokenFile)) }
    if let user, let passwordFile {
      target.logIn(user: user, password: try Self.line(ofFile: passwordFile))
    }
    return target
  }

  /// The first line of a file with a secret in it.
  private static func line(ofFile path: String) throws -> String {
    guard let file = unsafe fopen(path, "re") else {
      complain("cannot read \(path): \(SystemFault.text(errno))")
      throw ExitCode(Exit.configuration)
    }
    defer { unsafe fclose(file) }
    var bytes = [CChar](repeating: 0, count: 4096)
    guard unsafe fgets(&bytes, Int32(bytes.count), file) != nil else {
      complain("\(path) is empty")
      throw ExitCode(Exit.configuration)
    }
    let text = bytes.prefix { $0 != 0 && $0 != 10 && $0 != 13 }
    return String(decoding: text.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// `http://host:port` or `https://host:port`, with nothing behind it but a slash.
struct StatusURL: ExpressibleByArgument, Equatable, Sendable {
  let address: StatusAddress
  let isSecure: Bool

  init?(argument: String) {
    let parts = argument.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0] == "http" || parts[0] == "https" else { return nil }
    isSecure = parts[0] == "https"
    var place = String(parts[1])
    if place.hasSuffix("/") { place.removeLast() }
    // Without a port the scheme's own.
    let hasPort = place.hasSuffix("]") ? false : place.split(separator: "]").last?.contains(":")
    if hasPort != true { place += isSecure ? ":443" : ":80" }
    guard let address = StatusAddress(argument: place) else { return nil }
    self.address = address
  }
}

extension StatusAddress {
  var target: StatusTarget { StatusTarget(host: host, port: port) }
}
