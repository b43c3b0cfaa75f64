package org.apache.catalina.cluster.authenticator;

import java.io.Serializable;
import org.apache.catalina.cluster.Member;

/** A single sign-on message since 5.5.21. */
public final class SingleSignOnMessage implements Serializable {
    private static final long serialVersionUID = 1750606199695610106L;

    private int action;
    private String ssoId;
    private String ctxname;
    private String sessionId;
    private String authType;
    private String username;
    private String password;
    private String uniqueId;
    private long timestamp;
    private Member address;
    private int resend;
    private int compress;
}
