# The one image of halfopen: sidecar, apps, links and holder are roles of one static program.
# `make images` builds the program into the build context; nothing is pulled.
FROM scratch
COPY halfopen /halfopen
ENTRYPOINT ["/halfopen"]
STOPSIGNAL SIGTERM
