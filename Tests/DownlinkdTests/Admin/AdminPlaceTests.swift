import Config
import Testing

@testable import downlinkd

@Suite struct AdminPlaceTests {
  private func place(
    _ environment: [String: String], at place: Configuration.Admin.Place = .auto, root: Bool = false
  ) -> AdminPlace {
    AdminPlace(place, pipeline: "fleet", environment: environment, isRoot: root)
  }

  @Test func `the service manager's folder comes first, then root's, then the session's`() {
    let session = ["XDG_RUNTIME_DIR": "/run/user/7"]
    let both = session.merging(["RUNTIME_DIRECTORY": "/run/downlinkd"]) { $1 }
    #expect(place(both).own == "/run/downlinkd/fleet.sock")
    #expect(place(both, root: true).own == "/run/downlinkd/fleet.sock")
    #expect(place(session, root: true).own == "/run/downlinkd/fleet.sock")
    #expect(place(session).own == "/run/user/7/downlinkd/fleet.sock")
    #expect(place([:]).own == nil)
  }

  @Test func `of several folders of the service manager the first`() {
    #expect(place(["RUNTIME_DIRECTORY": "/run/a:/run/b"]).own == "/run/a/fleet.sock")
    #expect(place(["RUNTIME_DIRECTORY": "relative", "XDG_RUNTIME_DIR": ""]).own == nil)
  }

  @Test func `a command looks where a service and where a session would have it`() {
    let session = ["XDG_RUNTIME_DIR": "/run/user/7/"]
    #expect(
      place(session).candidates == [
        "/run/user/7/downlinkd/fleet.sock", "/run/downlinkd/fleet.sock",
      ])
    #expect(
      place(session, root: true).candidates == [
        "/run/downlinkd/fleet.sock", "/run/user/7/downlinkd/fleet.sock",
      ])
    #expect(place([:]).candidates == ["/run/downlinkd/fleet.sock"])
    let managed = ["RUNTIME_DIRECTORY": "/run/downlinkd"]
    #expect(place(managed).candidates == ["/run/downlinkd/fleet.sock"])
  }

  @Test func `whatever the environment, a path is itself and none is none`() {
    let environment = ["RUNTIME_DIRECTORY": "/run/downlinkd"]
    #expect(place(environment, at: .path("/x/y.sock")).own == "/x/y.sock")
    #expect(place(environment, at: .path("/x/y.sock")).candidates == ["/x/y.sock"])
    #expect(place(environment, at: .none, root: true).own == nil)
    #expect(place(environment, at: .none, root: true).candidates == [])
  }
}
