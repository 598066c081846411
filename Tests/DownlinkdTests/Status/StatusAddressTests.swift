import ArgumentParser
import Testing

@testable import downlinkd

@Suite struct StatusAddressTests {
  @Test(arguments: [
    ("127.0.0.1:9479", "127.0.0.1", 9479), ("edge-1.example.net:80", "edge-1.example.net", 80),
    ("[::1]:9479", "::1", 9479), ("localhost:65535", "localhost", 65_535),
  ]) func `host and port are taken apart`(_ text: String, _ host: String, _ port: Int) {
    #expect(StatusAddress(argument: text) == StatusAddress(host: host, port: port))
  }

  @Test(arguments: [
    "", ":", "9479", "localhost", "localhost:", ":9479", "localhost:0", "localhost:65536",
    "localhost:http", "::1:9479", "http://localhost:9479", "localhost:9479/",
  ]) func `what is no address is refused`(_ text: String) {
    #expect(StatusAddress(argument: text) == nil)
  }

  @Test(arguments: [
    ("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.1.2.3", "10.1.2.3"), ("edge-1", "edge-1"),
  ]) func `who listens everywhere is asked on the loopback`(_ listening: String, _ asked: String) {
    #expect(
      StatusAddress(listeningHost: listening, port: 1) == StatusAddress(host: asked, port: 1))
  }

  @Test func `the file and the address are not both given`() {
    #expect(throws: (any Error).self) {
      try StatusCommand.parse(["--config", "a.yaml", "--address", "localhost:1"])
    }
  }

  @Test func `without either it asks where an instance listens that was not told`() throws {
    let command = try StatusCommand.parse([])
    #expect(command.place.config == nil && command.place.address == nil && !command.json)
    #expect(StatusAddress.standard == StatusAddress(argument: "127.0.0.1:9479"))
  }
}
