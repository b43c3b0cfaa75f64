package org.apache.catalina.cluster.session;

import java.io.Serializable;

/** Who is logged in. */
public final class SerializablePrincipal implements Serializable {
    private static final long serialVersionUID = 579064858292434047L;

    private String name;
    private String password;
    private String[] roles;
}
