# anvil, the node of a development chain, from npm.
#
# BASE is any Debian with npm.
ARG BASE=docker.io/library/node:20-slim
FROM ${BASE}
# The package of this kind of machine holds the program; not every npm finds it by itself.
RUN npm install --prefix /opt/anvil --no-audit --no-fund \
      "@foundry-rs/anvil-linux-$(dpkg --print-architecture)@1.7.1" \
 && ln -s /opt/anvil/node_modules/@foundry-rs/anvil-linux-*/bin/anvil /usr/local/bin/anvil \
 && anvil --version \
 && useradd --uid 10002 --create-home --home-dir /data anvil
COPY anvil.sh /usr/local/bin/
USER anvil
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8545
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=20s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8545',{method:'POST',headers:{'content-type':'application/json'},body:'{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_chainId\",\"params\":[]}'}).then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
ENTRYPOINT ["/usr/local/bin/anvil.sh"]
CMD ["--host", "0.0.0.0", "--port", "8545", "--state", "/data/anvil.json", "--state-interval", "20"]
